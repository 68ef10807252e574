/*
 * lint_bridges.c -- checks the bridges of mosquitto.conf: who publishes what comes in, what goes
 * out unasked, and how the bridge logs in at the other broker.
 */
#include <stdio.h>
#include <string.h>

#include "base/brokerbridge.h"
#include "contract/channel.h"
#include "ctl/lint.h"

static void add(struct lint *lint, enum lint_level level, const struct brokerfile_line *line,
		const char *text)
{
	lint_add(lint, level, "%s:%u: %s %s: %s", line->file, line->number, line->word, line->value,
		 text);
}

/* "127.0.0.1:1883", "localhost", "::1"; of several addresses the first. */
static bool is_local(const char *address)
{
	return strncmp(address, "127.", 4) == 0 || strncmp(address, "localhost", 9) == 0 ||
	       strncmp(address, "::1", 3) == 0 || strncmp(address, "[::1]", 5) == 0;
}

static bool begins(const char *text, const char *begin)
{
	return strncmp(text, begin, strlen(begin)) == 0;
}

/* What the plugin publishes itself, or the whole of what others do. */
static void check_topic(struct lint *lint, const struct brokerfile_line *line)
{
	if (brokerbridge_qos(line) == 2)
		add(lint, LINT_WARNING, line,
		    "of each message that the other side refuses at QoS 2 Mosquitto keeps its "
		    "place "
		    "among the 20 under way, after which the bridge stands still; expected QoS 1");
	if (!(brokerbridge_ways(line) & BROKERBRIDGE_OUT))
		return;
	if (line->value[0] == '#' || line->value[0] == '+')
		add(lint, LINT_WARNING, line,
		    "takes " CONTRACT_NOTICES "/ and " CONTRACT_ALERTS
		    "/ along, which the other broker refuses; expected the topics that are meant");
	else if (begins(line->value, CONTRACT_NOTICES "/") ||
		 begins(line->value, CONTRACT_ALERTS "/"))
		add(lint, LINT_WARNING, line,
		    "with the plugin the other broker refuses them: they are said by itself alone; "
		    "expected no such line");
}

static void check_bridge(struct lint *lint, const struct brokerfile *file, bool is_shared,
			 const struct brokerbridge *bridge)
{
	const char *fault = brokerbridge_fault(file, bridge);

	if (fault)
		add(lint, LINT_ERROR, bridge->line, fault);
	if (!is_shared && (bridge->ways & BROKERBRIDGE_OUT))
		add(lint, LINT_WARNING, bridge->line,
		    "what goes out over it is asked of no plugin: its topic lines are the only "
		    "limit; expected topics that may go there whole");
	if (!bridge->remote_user && !bridge->has_certificate)
		add(lint, LINT_WARNING, bridge->line,
		    "logs in at the other broker as nobody; expected remote_username, or "
		    "bridge_certfile");
	if (!bridge->has_tls && bridge->address && !is_local(bridge->address->value))
		add(lint, LINT_WARNING, bridge->address,
		    "messages and password cross the network in the clear; expected "
		    "bridge_cafile");
}

void lint_bridges(struct lint *lint, const struct brokerfile *file, bool is_shared)
{
	struct brokerbridge bridge;
	size_t at = 0;

	while (brokerbridge_next(file, &at, &bridge))
		check_bridge(lint, file, is_shared, &bridge);
	for (size_t i = 0; i < file->line_count; i++)
		check_topic(lint, &file->line[i]);
}

void lint_bridge_users(struct lint *lint, const struct brokerfile *file, bool is_shared,
		       const struct access *access)
{
	struct brokerbridge bridge;
	size_t at = 0;

	while (brokerbridge_next(file, &at, &bridge)) {
		const struct access_principal *user =
			bridge.local_user ? access_find(access, bridge.local_user->value) : NULL;

		if (!bridge.local_user || !(bridge.ways & BROKERBRIDGE_IN))
			continue;
		if (!user || user->is_disabled)
			add(lint, LINT_ERROR, bridge.local_user,
			    user ? "what comes in over the bridge is refused: the user is disabled"
				 : "what comes in over the bridge is refused: the access file has "
				   "no "
				   "such user");
		else if (!user->is_peer)
			add(lint, is_shared ? LINT_ERROR : LINT_WARNING, bridge.local_user,
			    "no role of the user has \"peer\": true; expected one, which says on "
			    "which topics the other broker is trusted");
	}
}

bool lint_is_bridge_user(const struct brokerfile *file, const char *user)
{
	struct brokerbridge bridge;
	size_t at = 0;

	while (brokerbridge_next(file, &at, &bridge))
		if (bridge.local_user && strcmp(bridge.local_user->value, user) == 0)
			return true;
	return false;
}
