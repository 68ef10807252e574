/* lint_machines.c -- state machines that say nothing: a misspelled name is legal there, and silent.
 */
#include <string.h>

#include "ctl/lint.h"

static const char *step_to(const json_t *step)
{
	return json_string_value(json_is_object(step) ? json_object_get(step, "to") : step);
}

/* Adds what @steps lead to; true where that is new. */
static bool add_steps(const json_t *steps, json_t *reached)
{
	bool is_more = false;
	const json_t *step;
	size_t i;

	json_array_foreach(steps, i, step) {
		const char *to = step_to(step);

		if (!to || json_object_get(reached, to))
			continue;
		(void)json_object_set_new(reached, to, json_true());
		is_more = true;
	}
	return is_more;
}

/* Whoever may correct reaches each of them. */
static void check_statuses(struct lint *lint, const char *path, const char *name,
			   const json_t *machine)
{
	json_t *next = json_object_get(machine, "next");
	json_t *reached = json_object();
	bool is_more = add_steps(json_object_get(machine, "first"), reached);
	const char *status;
	json_t *steps;

	while (is_more) {
		is_more = false;
		json_object_foreach(next, status, steps) {
			if (json_object_get(reached, status))
				is_more = add_steps(steps, reached) || is_more;
		}
	}
	json_object_foreach(next, status, steps) {
		if (!json_object_get(reached, status))
			lint_add(lint, LINT_WARNING,
				 "%s: /x-state-machines/%s/next/%s: no steps lead to it from "
				 "\"first\"",
				 path, name, status);
	}
	json_decref(reached);
}

/* Is a column of some entity under the machine? */
static bool is_used(const json_t *document, const char *machine)
{
	const char *key;
	json_t *entity;

	json_object_foreach(json_object_get(document, "x-entities"), key, entity) {
		const char *column_name;
		json_t *column;

		json_object_foreach(json_object_get(entity, "columns"), column_name, column) {
			const char *name =
				json_string_value(json_object_get(column, "stateMachine"));

			if (name && strcmp(name, machine) == 0)
				return true;
		}
	}
	return false;
}

void lint_machines(struct lint *lint, const char *path, const json_t *document)
{
	const char *name;
	json_t *machine;

	json_object_foreach(json_object_get(document, "x-state-machines"), name, machine) {
		if (!is_used(document, name))
			lint_add(lint, LINT_WARNING,
				 "%s: /x-state-machines/%s: no column of x-entities has it as "
				 "\"stateMachine\"",
				 path, name);
		if (!json_object_get(machine, "correct"))
			check_statuses(lint, path, name, machine);
	}
}
