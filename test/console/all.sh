#!/bin/sh
# All of the console's tests: unit tests of its TypeScript (web/src/**/*.test.ts), then the files here,
# each in a browser; the longest beside the others. B is the build, WEB_HOME npm's folder. Names given
# are the files to run instead (frame read). The last line sums them up. Firefox ESR runs some of them
# again, where it is installed; BROWSER=firefox lets it run the named ones.
set -eu
cd "$(dirname "$0")/../.."
TMPDIR=$(mktemp -d) # whatever is made for a while lies in it
chmod 711 "$TMPDIR" # the database's server is another user's
export TMPDIR
out=$TMPDIR/sums
sums=$out
lane=
trap 'rm -rf "$TMPDIR"' EXIT

# A signal ends the test that runs, which ends what it started.
end()
{
	trap '' HUP INT TERM
	# shellcheck disable=SC2046,SC2086 # words
	kill $lane $(cat "$sums.pid" 2>/dev/null) 2>/dev/null || true
	wait
	exit 143
}
trap end HUP INT TERM

# shellcheck disable=SC2012 # names of ours
FILES=$(ls test/console | sed -n 's/[.]mjs$//p' | grep -vx 'harness\|trying\|unit')
LONG="payloads read samples try watch"

# Its sum goes to $sums.
run()
{
	echo "== $1"
	shift
	"$@" >"$sums.1" 2>&1 &
	echo $! >"$sums.pid"
	wait $! || true
	rm -f "$sums.pid"
	cat "$sums.1"
	grep -qE '^[0-9]+ passed, [0-9]+ failed' "$sums.1" || echo "0 passed, 1 failed" | tee -a "$sums.1"
	grep -E '^[0-9]+ passed, [0-9]+ failed' "$sums.1" | tail -1 >>"$sums"
}

run_files()
{
	for name; do
		run "$name" node "test/console/$name.mjs"
	done
}

run_firefox()
{
	if ! command -v "${FIREFOX:-firefox-esr}" >/dev/null; then
		echo "skipped Firefox: firefox-esr is not installed"
		echo "0 passed, 0 failed, 1 skipped" >>"$sums"
		return
	fi
	for name in frame signed-in read watch keyboard configuration; do
		run "$name, Firefox" env BROWSER=firefox MANY=6000 node "test/console/$name.mjs"
	done
	# Of Try what is of browsers: the editor, the clipboard, forms.
	run "try, Firefox" env BROWSER=firefox node test/console/try.mjs publishing misspelt completion typing links
}

if [ $# -gt 0 ]; then
	run_files "$@"
elif [ "${BROWSER:-}" = firefox ]; then # they all run there
	# shellcheck disable=SC2086
	run_files unit $FILES
else
	# They wait more than they compute: the longest of them run beside the others.
	(
		trap - EXIT
		trap end HUP INT TERM
		lane=
		sums=$out.long
		# shellcheck disable=SC2086
		run_files $LONG
	) >"$out.said" 2>&1 &
	lane=$!
	# shellcheck disable=SC2046 # names of ours
	run_files unit $(echo "$FILES" | grep -vxE "$(echo "$LONG" | tr ' ' '|')")
	run_firefox
	wait "$lane"
	cat "$out.said"
	cat "$out.long" >>"$out"
fi
awk '{ passed += $1; failed += $3; skipped += $5 }
     END { print passed " passed, " failed + 0 " failed" (skipped ? ", " skipped " skipped" : ""); exit failed > 0 }' "$out"
