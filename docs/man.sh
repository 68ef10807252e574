#!/bin/sh
# Prints a man page: fills in what programs know better than prose.
#
#     man.sh PAGE.in          with B, LIBDIR and DATADIR in the environment
#
# @OPTIONS@ and @REASONS@ come from the plugin's own tables, @COMMANDS@ from what petstorectl
# says of itself.
set -eu

version=$(sed -n 's/^#define PETSTORE_VERSION "\(.*\)"$/\1/p' plugin/base/version.h)

# The help of each command, as it is typed out.
commands()
{
	"$B/petstorectl" help | sed -n 's/^  \([a-z][a-z-]*\) .*/\1/p' |
		while read -r name; do
			printf '.SS %s\n.nf\n' "$name"
			"$B/petstorectl" "$name" --help |
				sed 's/\\/\\e/g; s/-/\\-/g; s/^\([.'"'"']\)/\\\&\1/'
			printf '.fi\n'
		done
}

while IFS= read -r line; do
	case $line in
	@OPTIONS@) "$B/reference" man-options ;;
	@REASONS@) "$B/reference" man-reasons ;;
	@COMMANDS@) commands ;;
	*) printf '%s\n' "$line" ;;
	esac
done <"$1" | sed "s|@VERSION@|$version|; s|@LIBDIR@|$LIBDIR|; s|@DATADIR@|$DATADIR|"
