#include "schema/run.h"

#include "base/utf8.h"
#include "schema/schema.h"

void run_init(struct run *run, const struct schema *schema, int64_t work)
{
	/* The scratch area stays as it is: what takes a part clears it. */
	run->schema = schema;
	run->scope = NULL;
	run->limit = RUN_WITHIN_LIMITS;
	run->depth = 0;
	run->work = work;
	run->scratch_used = 0;
}

bool run_fail_limit(struct run *run, enum run_limit limit)
{
	if (run->limit == RUN_WITHIN_LIMITS)
		run->limit = limit;
	return false;
}

/* ---- marks ------------------------------------------------------------------------------- */

static size_t words_for(size_t bits)
{
	return (bits + 63) / 64;
}

bool run_marks_init(struct run *run, struct run_marks *marks, const struct payload_value *value)
{
	size_t words;

	marks->count = view_size(value);
	marks->is_all = false;
	marks->bits = run->scratch + run->scratch_used;
	words = words_for(marks->count);
	if (words > RUN_SCRATCH_WORDS - run->scratch_used)
		return run_fail_limit(run, RUN_SCRATCH);
	memset(marks->bits, 0, words * sizeof(uint64_t));
	run_pay(run, 1 + words / 4);
	run->scratch_used += words;
	return true;
}

void run_marks_clear(struct run *run, const struct run_marks *marks)
{
	run->scratch_used = (size_t)(marks->bits - run->scratch);
}

static void mark(struct run_marks *marks, size_t index)
{
	marks->bits[index / 64] |= UINT64_C(1) << (index % 64);
}

static void merge(struct run_marks *into, const struct run_marks *from)
{
	into->is_all |= from->is_all;
	for (size_t i = 0; i < words_for(into->count); i++)
		into->bits[i] |= from->bits[i];
}

/* A schema whose marks count only where it passes. */
static bool run_branch(struct run *run, const struct schema_node *node,
		       const struct payload_value *value, struct run_marks *marks)
{
	struct run_marks own;
	bool passes;

	if (!marks)
		return run_node(run, node, value, NULL);
	if (!run_marks_init(run, &own, value))
		return false;
	passes = run_node(run, node, value, &own);
	if (passes)
		merge(marks, &own);
	run_pay(run, words_for(own.count) / 4);
	run_marks_clear(run, &own);
	return passes;
}

/* ---- numbers and strings ----------------------------------------------------------------- */

bool run_is_within(const struct number *number, const struct number *limit, unsigned kind)
{
	int order = number_compare(number, limit);

	if (kind & LIMIT_UPPER)
		order = -order;
	return kind & LIMIT_EXCLUSIVE ? order > 0 : order >= 0;
}

bool run_charge_number(struct run *run, const struct number *number)
{
	return run_charge(run, number->kind == NUMBER_BIG ? 10 + number->big.len / 2
							  : RUN_DECIMAL_UNITS);
}

static __attribute__((noinline)) bool
run_multiple(struct run *run, const struct number_rules *rules, const struct number *number)
{
	if (number->kind == NUMBER_REAL && number_is_short_multiple(number->d, &rules->divisor))
		return true;
	return run_charge(run, number->kind == NUMBER_BIG ? 10 + 4 * number->big.len
							  : RUN_DECIMAL_UNITS) &&
	       number_is_multiple(number, &rules->divisor);
}

static inline bool is_multiple(struct run *run, const struct number_rules *rules,
			       const struct number *number)
{
	return number->kind == NUMBER_INT && rules->divisor.exponent == 0
		       ? number_is_multiple(number, &rules->divisor)
		       : run_multiple(run, rules, number);
}

/* Numbers that the limits have to be compared with one by one. */
static __attribute__((noinline)) bool
run_any_number(struct run *run, const struct number_rules *rules, const struct number *number)
{
	if (!run_charge(run, rules->limit_units) ||
	    (number->kind != NUMBER_REAL && !run_charge_number(run, number)))
		return false;
	for (unsigned k = 0; k < LIMIT_COUNT; k++)
		if (rules->limits[k] && !run_is_within(number, rules->limits[k], k))
			return false;
	return !rules->multiple || is_multiple(run, rules, number);
}

static inline bool has_number(struct run *run, const struct number_rules *rules,
			      const struct payload_value *value, uint32_t kind)
{
	struct number number;

	view_number(value, kind, &number);
	if (number.kind == NUMBER_INT) {
		if (number.i < rules->int_low || number.i > rules->int_high)
			return false;
		return !rules->multiple || is_multiple(run, rules, &number);
	}
	if (rules->is_integer && !((number.kind != NUMBER_BIG || run_charge_number(run, &number)) &&
				   number_is_integer(&number)))
		return false;
	if (number.kind == NUMBER_REAL && rules->has_real_limits)
		return number.d >= rules->real_low && number.d <= rules->real_high;
	return run_any_number(run, rules, &number);
}

bool run_number(struct run *run, const struct number_rules *rules,
		const struct payload_value *value, uint32_t kind)
{
	return has_number(run, rules, value, kind);
}

static __attribute__((noinline)) bool
has_counted_length(struct run *run, const struct string_rules *rules, const char *text, size_t len)
{
	size_t count;

	if (len < rules->min_length)
		return false;
	if (len / 4 > rules->max_length)
		return false;
	if (!run_charge(run, len / RUN_COUNTED_A_UNIT))
		return false;
	count = utf8_count(text, len);
	return count >= rules->min_length && count <= rules->max_length;
}

/* Most texts need no counting: enough bytes are enough code points, and few bytes are few. */
static inline bool has_length(struct run *run, const struct string_rules *rules, const char *text,
			      size_t len)
{
	return (len >= rules->sure_length && len <= rules->max_length) ||
	       has_counted_length(run, rules, text, len);
}

bool run_pattern(struct run *run, const struct pattern *pattern, const char *text, size_t len)
{
	enum pattern_answer answer = pattern_search(pattern, text, len, &run->work);

	if (answer == PATTERN_LIMIT)
		return run_fail_limit(run, RUN_PATTERN);
	return run_charge(run, 0) && answer == PATTERN_YES;
}

__attribute__((noinline)) bool run_format(struct run *run, const struct format *format,
					  const char *text, size_t len)
{
	return run_charge(run, format_work(format, text, len)) && format_check(format, text, len);
}

/* A sequence of our own matcher, which most patterns are. */
static inline bool run_seq(struct run *run, const struct seq *seq, const char *text, size_t len)
{
	if (!run_charge(run, len / 8))
		return false;
	return seq_search(seq, text, len);
}

static bool run_text(struct run *run, const struct string_rules *rules, const char *text,
		     size_t len)
{
	if (rules->format && len <= RUN_BYTES_A_UNIT && !rules->has_costly_format) {
		run_pay(run, RUN_FORMAT_UNITS);
		if (!format_check(rules->format, text, len))
			return false;
	} else if (rules->format && !run_format(run, rules->format, text, len)) {
		return false;
	}
	if (rules->seq)
		return run_seq(run, rules->seq, text, len);
	return !rules->pattern || run_pattern(run, rules->pattern, text, len);
}

static inline bool run_string(struct run *run, const struct string_rules *rules,
			      const struct payload_value *value)
{
	size_t len;
	const char *text = view_string(value, &len);

	if (!has_length(run, rules, text, len))
		return false;
	if (rules->only_length)
		return true;
	if (rules->seq && !rules->format)
		return run_seq(run, rules->seq, text, len);
	return run_text(run, rules, text, len);
}

/* All kinds of the JSON type that @kind is one of. */
static uint32_t type_of(uint32_t kind)
{
	return kind & VIEW_NUMBER   ? VIEW_NUMBER
	       : kind & VIEW_STRING ? VIEW_STRING
	       : kind & VIEW_OBJECT ? VIEW_OBJECT
				    : kind;
}

static bool run_constants(struct run *run, const struct step *step,
			  const struct payload_value *value)
{
	struct view_walk walk = view_walk(step->constants);
	uint32_t kind = type_of(view_kind(value));
	const struct payload_value *constant;

	if (!run_charge(run, step->count / 4)) /* the type rules out most */
		return false;
	while ((constant = view_item(&walk)))
		if (view_is(constant, kind) && run_equal(run, value, constant))
			return true;
	return false;
}

static bool run_names(struct run *run, const struct step *step, const struct payload_value *value,
		      uint32_t kind)
{
	const char *text;
	size_t len;

	if (!(kind & VIEW_STRING))
		return false;
	text = view_string(value, &len);
	run_pay(run, step->names->find_units);
	return step->names->count == 1 ? name_is(&step->names->first->key, text, len)
				       : name_find(step->names, text, len) != NULL;
}

/* A node without subschemas. */
static bool run_simple(struct run *run, const struct schema_node *node,
		       const struct payload_value *value, uint32_t kind)
{
	if ((kind & VIEW_STRING) && node->string && !run_string(run, node->string, value))
		return false;
	if ((kind & VIEW_NUMBER) && node->number && !has_number(run, node->number, value, kind))
		return false;
	for (size_t i = 0; i < node->step_count; i++) {
		const struct step *step = &node->steps[i];

		if (step->kind == STEP_NAMES ? !run_names(run, step, value, kind)
					     : !run_constants(run, step, value))
			return false;
	}
	return true;
}

static bool run_deep(struct run *run, const struct schema_node *node,
		     const struct payload_value *value, uint32_t kind, struct run_marks *marks);
static bool run_probes(struct run *run, const struct object_rules *rules,
		       const struct payload_value *value);
static bool run_only_members(struct run *run, const struct schema_node *node,
			     const struct payload_value *value);

/* run_node(), for the loops over items and members: the fast paths cost no call. */
static inline __attribute__((always_inline)) bool run_value(struct run *run,
							    const struct schema_node *node,
							    const struct payload_value *value,
							    struct run_marks *marks)
{
	uint32_t kind = view_kind(value);

	if (!view_is(value, node->types))
		return false;
	switch (node->fast_path) {
	case FAST_PATH_NOTHING:
		return true;
	case FAST_PATH_STRING:
		return run_string(run, node->string, value);
	case FAST_PATH_NUMBER:
		return has_number(run, node->number, value, kind);
	case FAST_PATH_NAMES:
		return run_names(run, node->steps, value, kind);
	case FAST_PATH_PROBES:
		if (marks)
			break;
		return !(kind & VIEW_OBJECT) || run_probes(run, node->object, value);
	case FAST_PATH_MEMBERS:
		if (marks || run->schema->dynamic_count > 0)
			break;
		return run_only_members(run, node, value);
	case FAST_PATH_SIMPLE:
		return run_simple(run, node, value, kind);
	case FAST_PATH_DEEP:
		break;
	}
	return run_deep(run, node, value, kind, marks);
}

bool run_node(struct run *run, const struct schema_node *node, const struct payload_value *value,
	      struct run_marks *marks)
{
	return run_value(run, node, value, marks);
}

/* ---- arrays ------------------------------------------------------------------------------ */

static bool run_items(struct run *run, const struct array_rules *rules,
		      const struct payload_value *value, struct run_marks *marks)
{
	struct view_walk walk = view_walk(value);
	const struct payload_value *item;

	for (size_t i = 0; (item = view_item(&walk)); i++) {
		const struct schema_node *node =
			i < rules->prefix_count ? rules->prefix[i] : rules->items;

		if (!node)
			break;
		if (!run_value(run, node, item, NULL))
			return false;
		if (marks)
			mark(marks, i);
	}
	return true;
}

static bool run_contains(struct run *run, const struct array_rules *rules,
			 const struct payload_value *value, struct run_marks *marks)
{
	struct view_walk walk = view_walk(value);
	const struct payload_value *item;
	uint64_t found = 0;

	run_pay(run, view_size(value));
	for (size_t i = 0; (item = view_item(&walk)); i++) {
		if (found >= rules->min_contains && rules->max_contains == PROGRAM_NO_MAX && !marks)
			return true;
		if (!run_value(run, rules->contains, item, NULL))
			continue;
		if (++found > rules->max_contains)
			return false;
		if (marks)
			mark(marks, i);
	}
	return found >= rules->min_contains && run->limit == RUN_WITHIN_LIMITS;
}

static bool run_array(struct run *run, const struct array_rules *rules,
		      const struct payload_value *value, struct run_marks *marks)
{
	size_t size = view_size(value);

	if (size < rules->min_items || size > rules->max_items || !run_charge(run, size))
		return false;
	if ((rules->prefix_count > 0 || rules->items) && !run_items(run, rules, value, marks))
		return false;
	if (rules->contains &&
	    !run_contains(run, rules, value, rules->contains_evaluates ? marks : NULL))
		return false;
	return !rules->is_unique || run_unique(run, value);
}

/* ---- objects ----------------------------------------------------------------------------- */

/* patternProperties of one member; notes in *evaluated that there was one. */
static bool run_patterns(struct run *run, const struct object_rules *rules, const char *name,
			 size_t len, const struct payload_value *member, bool *evaluated)
{
	for (size_t i = 0; i < rules->pattern_count; i++) {
		const struct pattern_property *p = &rules->patterns[i];

		if (run_pattern(run, p->pattern, name, len)) {
			if (!run_node(run, p->node, member, NULL))
				return false;
			*evaluated = true;
		}
		if (run->limit)
			return false;
	}
	return true;
}

static bool run_name(struct run *run, const struct schema_node *node, const char *name, size_t len)
{
	struct view_name room;

	return run_node(run, node, view_name(&room, name, len), NULL);
}

static __attribute__((noinline)) const struct name_slot *
ask_table(struct run *run, const struct name_table *table, const char *name, size_t len)
{
	run_pay(run, table->find_units);
	return name_find(table, name, len);
}

/*
 * One pass over the members. As no name occurs twice, counting the required ones that were
 * seen shows whether one is missing.
 */
static bool run_members(struct run *run, const struct object_rules *rules,
			const struct payload_value *value, struct run_marks *marks)
{
	struct view_walk walk = view_walk(value);
	const struct payload_value *member;
	size_t missing = rules->required_count;
	const char *name;
	size_t len;

	for (size_t i = 0; (member = view_member(&walk, &name, &len)); i++) {
		const struct name_slot *slot =
			rules->names.count > 0 ? ask_table(run, &rules->names, name, len) : NULL;
		bool evaluated = slot && slot->node;

		if (slot)
			missing -= slot->is_required;
		if (evaluated && !run_value(run, slot->node, member, NULL))
			return false;
		if (rules->pattern_count > 0 &&
		    !run_patterns(run, rules, name, len, member, &evaluated))
			return false;
		if (!evaluated && rules->additional) {
			if (!run_value(run, rules->additional, member, NULL))
				return false;
			evaluated = true;
		}
		if (rules->property_names && !run_name(run, rules->property_names, name, len))
			return false;
		if (marks && evaluated)
			mark(marks, i);
	}
	return missing == 0;
}

/*
 * The slot of a name, or NULL. Members mostly come in the schema's own order, with some left
 * out: the two names behind the last one are tried before the table is asked.
 */
static inline const struct name_slot *find_slot(struct run *run, const struct name_table *table,
						const struct name_slot *next, const char *name,
						size_t len)
{
	if (name_is(&next->key, name, len))
		return next;
	if (name_is(&next->next->key, name, len))
		return next->next;
	return ask_table(run, table, name, len);
}

/* run_members() where names and what is not among them are all there is. */
static bool run_names_only(struct run *run, const struct object_rules *rules,
			   const struct payload_value *value)
{
	struct view_walk walk = view_walk(value);
	const struct name_slot *next = rules->names.first;
	const struct payload_value *member;
	size_t missing = rules->required_count;
	const char *name;
	size_t len;

	while ((member = view_member(&walk, &name, &len))) {
		const struct name_slot *slot = find_slot(run, &rules->names, next, name, len);
		const struct schema_node *node = rules->additional;

		if (slot) {
			missing -= slot->is_required;
			next = slot->next;
			if (slot->node)
				node = slot->node;
		}
		if (node && !run_value(run, node, member, NULL))
			return false;
	}
	return missing == 0;
}

/*
 * The same by looking the names up, for a schema that asks after a few and does not mind the
 * others (what `if` and `then` mostly are).
 */
static bool run_probes(struct run *run, const struct object_rules *rules,
		       const struct payload_value *value)
{
	run_pay(run, view_find_units(value));
	for (size_t i = 0; i < rules->probe_count; i++) {
		const struct name_slot *probe = rules->probes[i];
		const struct payload_value *member =
			payload_member(value, probe->key.text, probe->key.len);

		if (!member && probe->is_required)
			return false;
		if (member && probe->node && !run_value(run, probe->node, member, NULL))
			return false;
	}
	return true;
}

/* run_deep() where run_names_only() is all there is to do, and no scope has to be known. */
static bool run_only_members(struct run *run, const struct schema_node *node,
			     const struct payload_value *value)
{
	bool passes;

	if (run->depth >= RUN_MAX_DEPTH)
		return run_fail_limit(run, RUN_DEPTH);
	if (view_size(value) < node->object->required_count ||
	    !run_charge(run, 1 + view_size(value)))
		return false;
	run->depth++;
	passes = run_names_only(run, node->object, value);
	run->depth--;
	return passes;
}

bool run_depends(const struct dependent *dependent, const struct payload_value *value)
{
	const struct payload_value *member =
		payload_member(value, dependent->name.text, dependent->name.len);
	const char *text;
	size_t len;

	if (!member || !dependent->value.text)
		return member != NULL;
	if (!view_is(member, VIEW_STRING))
		return false;
	text = view_string(member, &len);
	return name_is(&dependent->value, text, len);
}

static bool run_dependent(struct run *run, const struct dependent *dependent,
			  const struct payload_value *value, struct run_marks *marks)
{
	size_t look_ups = 1 + dependent->required_count;

	if (!run_charge(run, look_ups * view_find_units(value)))
		return false;
	if (!run_depends(dependent, value))
		return true;
	for (size_t i = 0; i < dependent->required_count; i++)
		if (!payload_member(value, dependent->required[i].text, dependent->required[i].len))
			return false;
	return !dependent->node || run_node(run, dependent->node, value, marks);
}

static inline bool run_all_members(struct run *run, const struct object_rules *rules,
				   const struct payload_value *value, struct run_marks *marks)
{
	if (rules->probe_count > 0 && !marks)
		return run_probes(run, rules, value);
	if (rules->only_names && !marks)
		return run_names_only(run, rules, value);
	return !rules->walks_members || run_members(run, rules, value, marks);
}

static bool run_object(struct run *run, const struct object_rules *rules,
		       const struct payload_value *value, struct run_marks *marks)
{
	size_t size = view_size(value);

	if (size < rules->min_members || size > rules->max_members ||
	    size < rules->required_count || !run_charge(run, size))
		return false;
	if (!run_all_members(run, rules, value, marks))
		return false;
	for (size_t i = 0; i < rules->dependent_count; i++)
		if (!run_dependent(run, &rules->dependents[i], value, marks))
			return false;
	return true;
}

/* ---- any value --------------------------------------------------------------------------- */

void run_enter(struct run *run, struct run_scope *scope, const struct schema_node *node)
{
	scope->outer = run->scope;
	scope->resource = node->resource;
	if (run->schema->dynamic_count > 0 &&
	    (!run->scope || run->scope->resource != node->resource))
		run->scope = scope;
}

void run_leave(struct run *run, const struct run_scope *scope)
{
	run->scope = scope->outer;
}

/* The outermost resource of the dynamic scope that has the anchor. */
const struct schema_node *run_dynamic(struct run *run, const struct step *step)
{
	const struct schema *schema = run->schema;
	const struct schema_node *node = step->nodes[0];

	for (const struct run_scope *scope = run->scope; scope; scope = scope->outer) {
		run_pay(run, 1 + schema->dynamic_count / 8);
		for (size_t i = 0; i < schema->dynamic_count; i++)
			if (schema->dynamic[i].anchor == step->anchor &&
			    schema->dynamic[i].resource == scope->resource)
				node = schema->dynamic[i].node;
	}
	return node;
}

static bool run_any(struct run *run, const struct step *step, const struct payload_value *value,
		    struct run_marks *marks)
{
	bool passes = false;

	for (size_t i = 0; i < step->count; i++) {
		run_pay(run, 1);
		if (run_branch(run, step->nodes[i], value, marks)) {
			passes = true;
			if (!marks)
				return true; /* else every branch that passes counts */
		}
		if (run->limit)
			return false;
	}
	return passes;
}

static bool run_one(struct run *run, const struct step *step, const struct payload_value *value,
		    struct run_marks *marks)
{
	size_t passes = 0;

	for (size_t i = 0; i < step->count && passes < 2; i++) {
		run_pay(run, 1);
		passes += run_branch(run, step->nodes[i], value, marks);
		if (run->limit)
			return false;
	}
	return passes == 1;
}

static bool run_if(struct run *run, const struct step *step, const struct payload_value *value,
		   struct run_marks *marks)
{
	bool holds = marks ? run_branch(run, step->nodes[0], value, marks)
			   : run_value(run, step->nodes[0], value, NULL);
	const struct schema_node *next = step->nodes[holds ? 1 : 2];

	if (run->limit)
		return false;
	return !next || run_value(run, next, value, marks);
}

const struct name_slot *run_find_choice(struct run *run, const struct step *step,
					const struct payload_value *value)
{
	const struct payload_value *member;
	const char *text;
	size_t len;

	run_pay(run, view_find_units(value) + step->names->find_units);
	member = payload_member(value, step->property->text, step->property->len);
	if (!member || !view_is(member, VIEW_STRING))
		return NULL;
	text = view_string(member, &len);
	return name_find(step->names, text, len);
}

static __attribute__((noinline)) bool run_choice(struct run *run, const struct step *step,
						 const struct payload_value *value, uint32_t kind,
						 struct run_marks *marks)
{
	const struct name_slot *slot;

	if (!(kind & VIEW_OBJECT))
		return step->count == 0 || (step->is_one ? run_one(run, step, value, marks)
							 : run_any(run, step, value, marks));
	slot = run_find_choice(run, step, value);
	return slot && (!slot->node || run_node(run, slot->node, value, marks));
}

bool run_step(struct run *run, const struct step *step, const struct payload_value *value,
	      uint32_t kind, struct run_marks *marks)
{
	switch (step->kind) {
	case STEP_NAMES:
		return run_names(run, step, value, kind);
	case STEP_CONST:
		return run_constants(run, step, value);
	case STEP_SCHEMA:
		run_pay(run, step->count);
		for (size_t i = 0; i < step->count; i++)
			if (!run_node(run, step->nodes[i], value, marks))
				return false;
		return true;
	case STEP_DYNAMIC:
		return run_node(run, run_dynamic(run, step), value, marks);
	case STEP_ANY:
		return run_any(run, step, value, marks);
	case STEP_ONE:
		return run_one(run, step, value, marks);
	case STEP_NOT:
		return !run_node(run, step->nodes[0], value, NULL) && !run->limit;
	case STEP_IF:
		return run_if(run, step, value, marks);
	case STEP_CHOICE:
		return run_choice(run, step, value, kind, marks);
	}
	return false;
}

static inline bool apply_rules(struct run *run, const struct schema_node *node,
			       const struct payload_value *value, uint32_t kind,
			       struct run_marks *marks)
{
	bool passes = true;

	if (kind & VIEW_OBJECT)
		passes = !node->object || run_object(run, node->object, value, marks);
	else if (kind & VIEW_ARRAY)
		passes = !node->array || run_array(run, node->array, value, marks);
	else if (kind & VIEW_STRING)
		passes = !node->string || run_string(run, node->string, value);
	else if (kind & VIEW_NUMBER)
		passes = !node->number || has_number(run, node->number, value, kind);
	for (size_t i = 0; passes && i < node->step_count; i++)
		passes = run_step(run, &node->steps[i], value, kind, marks);
	return passes;
}

bool run_rules(struct run *run, const struct schema_node *node, const struct payload_value *value,
	       uint32_t kind, struct run_marks *marks)
{
	return apply_rules(run, node, value, kind, marks);
}

/* What nothing else evaluated. */
static bool run_rest(struct run *run, const struct schema_node *node,
		     const struct payload_value *value, uint32_t kind,
		     const struct run_marks *marks)
{
	struct view_walk walk = view_walk(value);
	const char *name;
	size_t len;

	if (marks->is_all)
		return true;
	run_pay(run, marks->count);
	for (size_t i = 0; i < marks->count; i++) {
		const struct payload_value *child =
			kind & VIEW_OBJECT ? view_member(&walk, &name, &len) : view_item(&walk);

		if (!run_marks_has(marks, i) && !run_node(run, node, child, NULL))
			return false;
	}
	return true;
}

static bool run_tracked(struct run *run, const struct schema_node *node,
			const struct schema_node *rest, const struct payload_value *value,
			uint32_t kind, struct run_marks *outer)
{
	struct run_marks marks;
	bool passes;

	if (!run_marks_init(run, &marks, value))
		return false;
	passes = run_rules(run, node, value, kind, &marks) &&
		 run_rest(run, rest, value, kind, &marks);
	run_marks_clear(run, &marks);
	if (outer)
		outer->is_all = true;
	return passes;
}

static bool run_deep(struct run *run, const struct schema_node *node,
		     const struct payload_value *value, uint32_t kind, struct run_marks *marks)
{
	const struct schema_node *rest = NULL;
	struct run_scope scope;
	bool passes;

	if (run->depth >= RUN_MAX_DEPTH)
		return run_fail_limit(run, RUN_DEPTH);
	if (!run_charge(run, RUN_NODE_UNITS))
		return false;
	run->depth++;
	run_enter(run, &scope, node);
	if (kind & VIEW_OBJECT)
		rest = node->unevaluated_members;
	else if (kind & VIEW_ARRAY)
		rest = node->unevaluated_items;
	passes = rest ? run_tracked(run, node, rest, value, kind, marks)
		      : apply_rules(run, node, value, kind, marks);
	run_leave(run, &scope);
	run->depth--;
	return passes;
}

enum schema_answer schema_check(const struct schema *schema, const struct payload_value *value)
{
	struct run run;
	bool passes;

	run_init(&run, schema, schema->max_work);
	passes = run_node(&run, schema->root, value, NULL);
	/* What was paid without a look has to have been there, too. */
	if (run.limit || run.work < 0)
		return SCHEMA_LIMIT;
	return passes ? SCHEMA_VALID : SCHEMA_INVALID;
}

enum schema_answer schema_check_within(const struct schema *schema,
				       const struct payload_value *value, int64_t *work)
{
	struct run run;
	bool passes;

	run_init(&run, schema, *work);
	passes = run_node(&run, schema->root, value, NULL);
	*work = run.work > 0 ? run.work : 0;
	if (run.limit || run.work < 0)
		return SCHEMA_LIMIT;
	return passes ? SCHEMA_VALID : SCHEMA_INVALID;
}
