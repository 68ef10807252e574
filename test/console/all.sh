#!/bin/sh
# All of the console's tests, one after the other: unit tests of its TypeScript (web/src/**/*.test.ts),
# then the files here, each in a browser. B is the build, WEB_HOME npm's folder. Names given
# are the files to run instead (frame read). The last line sums them up. Firefox ESR runs some of them
# again, where it is installed; BROWSER=firefox lets it run the named ones.
set -eu
cd "$(dirname "$0")/../.."
out=$(mktemp)
trap 'rm -rf "$out" "$out.1"' EXIT

run()
{
	echo "== $1"
	shift
	"$@" >"$out.1" 2>&1 || true
	cat "$out.1"
	grep -qE '^[0-9]+ passed, [0-9]+ failed' "$out.1" || echo "0 passed, 1 failed" | tee -a "$out.1"
	grep -E '^[0-9]+ passed, [0-9]+ failed' "$out.1" | tail -1 >>"$out"
}

is_all=$(($# == 0))
[ "${BROWSER:-}" != firefox ] || is_all=0 # they all run there
# shellcheck disable=SC2012,SC2046 # names of ours, without spaces
[ $# -gt 0 ] || set -- unit $(ls test/console | sed -n 's/[.]mjs$//p' | grep -vx 'harness\|trying\|unit')
for name; do
	run "$name" node "test/console/$name.mjs"
done
if [ "$is_all" = 1 ] && command -v "${FIREFOX:-firefox-esr}" >/dev/null; then
	for name in frame signed-in read watch keyboard; do
		run "$name, Firefox" env BROWSER=firefox MANY=6000 node "test/console/$name.mjs"
	done
	# Of Try what is of browsers: the editor, the clipboard, forms.
	run "try, Firefox" env BROWSER=firefox node test/console/try.mjs publishing misspelt completion typing links
elif [ "$is_all" = 1 ]; then
	echo "skipped Firefox: firefox-esr is not installed"
	echo "0 passed, 0 failed, 1 skipped" >>"$out"
fi
awk '{ passed += $1; failed += $3; skipped += $5 }
     END { print passed " passed, " failed + 0 " failed" (skipped ? ", " skipped " skipped" : ""); exit failed > 0 }' "$out"
