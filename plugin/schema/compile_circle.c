/*
 * Finds schemas that refer back to themselves without a step into the message: a check with such a
 * schema would never end. The search follows only what the engine always runs ($ref, allOf, not,
 * if, the first branch of anyOf and oneOf). Where a circle depends on the message, the bounds of
 * the engine end it. The search keeps its own stack, because a chain of references may have any
 * length.
 */
#include <stdlib.h>

#include "schema/compile.h"

enum colour {
	NOT_SEEN,
	ON_STACK,
	DONE,
};

struct frame {
	size_t number; /* of the node, in the compiler's queue */
	size_t step;   /* the one to look at next */
	size_t index;
};

struct circle_search {
	const struct compiler *compiler;
	unsigned char *colours;
	struct frame *stack;
	size_t depth;
};

/* How many of a step's nodes are run whatever the message is. */
static size_t always(const struct step *step)
{
	switch (step->kind) {
	case STEP_SCHEMA:
		return step->count;
	case STEP_ANY:
	case STEP_ONE:
	case STEP_NOT:
	case STEP_IF:
		return 1;
	case STEP_NAMES:
	case STEP_CONST:
	case STEP_DYNAMIC:
	case STEP_CHOICE:
		break;
	}
	return 0;
}

/* The next node that @frame leads to; NULL behind the last. */
static const struct schema_node *next_node(const struct circle_search *s, struct frame *frame)
{
	const struct schema_node *node = s->compiler->queue[frame->number].node;

	for (; frame->step < node->step_count; frame->step++, frame->index = 0) {
		const struct step *step = &node->steps[frame->step];

		while (frame->index < always(step)) {
			const struct schema_node *next = step->nodes[frame->index++];

			if (!next->is_boolean)
				return next;
		}
	}
	return NULL;
}

static void push(struct circle_search *s, size_t number)
{
	s->colours[number] = ON_STACK;
	s->stack[s->depth++] = (struct frame){ .number = number };
}

/* The place where a circle closes, of those that @root leads to; NULL: there is none. */
static const struct schema_place *find_circle(struct circle_search *s, size_t root)
{
	push(s, root);
	while (s->depth > 0) {
		struct frame *top = &s->stack[s->depth - 1];
		const struct schema_node *next = next_node(s, top);

		if (!next) {
			s->colours[top->number] = DONE;
			s->depth--;
		} else if (s->colours[next->ordinal] == ON_STACK) {
			return s->compiler->queue[top->number].place;
		} else if (s->colours[next->ordinal] == NOT_SEEN) {
			push(s, next->ordinal);
		}
	}
	return NULL;
}

void compile_check_circles(struct compiler *c)
{
	struct circle_search s = { .compiler = c };
	const struct schema_place *place = NULL;

	if (c->rc)
		return;
	s.colours = calloc(c->queue_used + 1, sizeof(*s.colours));
	s.stack = malloc((c->queue_used + 1) * sizeof(*s.stack));
	if (!s.colours || !s.stack)
		c->rc = diag_nomem(c->diag);
	for (size_t i = 0; c->rc == 0 && i < c->queue_used && !place; i++)
		if (s.colours[i] == NOT_SEEN)
			place = find_circle(&s, i);
	if (place)
		c->rc = document_fail(c->diag, ERR_INVALID, place->resource, place->pointer, NULL,
				      "leads back to itself without end");
	free(s.colours);
	free(s.stack);
}
