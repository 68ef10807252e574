# shellcheck shell=bash
# Sourced by the scripts here that count for themselves. Each closes with one line:
# N passed, N failed[, N skipped].
passed=0 failed=0 skipped=0

# What is checked, then a command, whose output shows when it fails.
check()
{
	local what=$1 out=${work:-/tmp}/out
	shift
	if "$@" >"$out" 2>&1; then
		passed=$((passed + 1))
		echo "ok    $what"
	else
		failed=$((failed + 1))
		echo "FAIL  $what"
		tail -n 30 "$out" | sed 's/^/      /'
	fi
}

not() { ! "$@"; }

# Adds what the closing line of file @1 says; a run that ended without one is a failure.
add()
{
	local counts
	counts=$(tail -n 1 "$1" | grep -xE '[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?' ||
		echo "0 passed, 1 failed")
	read -r -a counts <<<"${counts//[!0-9 ]/}"
	passed=$((passed + counts[0]))
	failed=$((failed + counts[1]))
	skipped=$((skipped + ${counts[2]:-0}))
}

# The closing line; the status says whether all is well.
closing()
{
	local line="$passed passed, $failed failed"
	[ $skipped = 0 ] || line="$line, $skipped skipped"
	echo "$line"
	[ $failed = 0 ]
}

# Ports that the machine around us hardly uses.
# shellcheck disable=SC2034 # for those who source this
ports() { read -r tls wss mtls plain http <<<"$(shuf -i 20000-32000 -n 5 | tr '\n' ' ')"; }

# Runs test/@1 with further arguments in a small system of each release in the array suites,
# which finds folder $work at /mnt, and drops what it changed there.
# shellcheck disable=SC2154 # suites
on_each()
{
	local suite script=$1 chroots=${CHROOTS:-build/chroot} status
	shift
	cp test/count.sh "test/$script" "$work/"
	for suite in "${suites[@]}"; do
		status=0
		test/chroot.sh make "$suite" "$chroots/base-$suite" || status=$?
		if [ $status != 0 ]; then
			echo "$suite | skipped"
			skipped=$((skipped + 1))
			continue
		fi
		BIND=$work test/chroot.sh try "$chroots/base-$suite" bash "/mnt/$script" "$@" \
			</dev/null 2>&1 | tee "$work/log" | sed -u "s/^/$suite | /" || true
		add "$work/log"
	done
}
