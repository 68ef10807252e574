#!/bin/sh
# Prints a man page: fills in what programs know better than prose.
#
#     man.sh PAGE.in          with B, LIBDIR, DATADIR and DOCDIR in the environment
#
# @OPTIONS@, @ALERTS@ and @REASONS@ come from the plugin's own tables, @COMMANDS@ from what petstorectl
# says of itself.
set -eu

version=$(sed -n 's/^#define PETSTORE_VERSION "\(.*\)"$/\1/p' plugin/base/version.h)

# One command's --help, typeset: the usage line, paragraphs, options with what they mean.
set_page()
{
	sed 's/\\/\\e/g; s/-/\\-/g; s/^\([.'"'"']\)/\\\&\1/' | awk '
		NR == 1 {
			sub(/^usage: petstorectl [a-z]+ ?/, "")
			printf ".B petstorectl %s\n%s\n", name, $0
			next
		}
		/^$/ { print ".PP"; next }
		/^  \\-\\-/ {
			sub(/^ +/, "")
			at = match($0, /   */)
			printf ".TP\n.B %s\n%s\n", substr($0, 1, at - 1), substr($0, at + RLENGTH)
			next
		}
		{ print }' name="$1"
}

commands()
{
	"$B/petstorectl" help | sed -n 's/^  \([a-z][a-z-]*\) .*/\1/p' |
		while read -r name; do
			printf '.SS %s\n' "$name"
			"$B/petstorectl" "$name" --help | set_page "$name"
		done
}

while IFS= read -r line; do
	case $line in
	@OPTIONS@) "$B/reference" man-options ;;
	@REASONS@) "$B/reference" man-reasons ;;
	@ALERTS@) "$B/reference" man-alerts ;;
	@COMMANDS@) commands ;;
	*) printf '%s\n' "$line" ;;
	esac
done <"$1" | sed "s|@VERSION@|$version|; s|@LIBDIR@|$LIBDIR|; s|@DATADIR@|$DATADIR|; s|@DOCDIR@|$DOCDIR|"
