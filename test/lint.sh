#!/bin/sh
# What the compiler does not say: arrows between rooms, exported symbols, formatting, and the
# warnings of both compilers. Each check prints one line; the script fails if one did.
set -u
cd "$(dirname "$0")/.." || exit 2
failed=0

check() { # name, then a command that is silent when all is well
	name=$1
	shift
	out=$("$@" 2>&1)
	if [ -z "$out" ]; then
		echo "ok    $name"
	else
		printf 'FAIL  %s\n%s\n' "$name" "$out"
		failed=1
	fi
}

includes_outside() { # a header's pattern, then the files that may include it
	pattern=$1
	shift
	found=$(grep -rlE "^[[:space:]]*#[[:space:]]*include[[:space:]]+[<\"]$pattern" plugin)
	for file in $found; do
		case " $* " in *" $file "*) ;; *) echo "$file" ;; esac
	done
}

arrows() { # room, then the rooms it must not include
	room=$1
	shift
	for other in "$@"; do
		grep -nE "#include \"$other" "plugin/$room"/*.[ch]
	done
}

symbols() {
	nm -D --defined-only "$B/mosquitto_petstore.so" | awk '{ print $3 }' | sort >"$B/symbols"
	printf 'mosquitto_plugin_cleanup\nmosquitto_plugin_init\nmosquitto_plugin_version\n' |
		diff - "$B/symbols"
}

format() {
	find plugin docs test -name '*.[ch]' -exec clang-format --dry-run {} + 2>&1 |
		grep -E 'warning|error'
}

warnings() {
	"$MAKE" --no-print-directory -s B="$B/$1" CC="$2" WERROR=1 all parse 2>&1
}

whole() { # what distributions build with: texts of embed.h must be found then, too
	"$MAKE" --no-print-directory -s B="$B/lint-lto" CC=gcc CFLAGS="-O1 -flto=auto" \
		LDFLAGS="-O1 -flto=auto" all 2>&1
	nm -D "$B/lint-lto/mosquitto_petstore.so" | grep ' U embed_'
}

scripts() {
	grep -rlE '^#!/bin/(ba)?sh$' test docker scripts docs .ci | xargs shellcheck -x -S warning test/count.sh
}

traces() { # what has no place in the tree: open tasks, absolute paths of someone's machine
	grep -rnE '\b(TODO|FIXME|XXX)\b|/work/|/root/|/home/[a-z]' --include='*' \
		plugin schemas test docker scripts docs .ci Makefile ./*.md 2>/dev/null |
		grep -vE '^test/lint.sh:|corpus/|\.pyc'
}

listed() { # a unit test or a fuzzer that the Makefile's lists leave out is never run
	lists=$("$MAKE" --no-print-directory -np help 2>/dev/null)
	while read -r list folder prefix; do
		names=$(echo "$lists" | sed -n "s/^$list = //p" | tr -c 'a-z0-9_' ' ')
		for file in "$folder/$prefix"*.c; do
			name=${file#"$folder/$prefix"}
			case " $names " in *" ${name%.c} "*) ;; *) echo "$file" ;; esac
		done
	done <<-END
		UNIT test/unit test_
		FUZZ test/fuzz fuzz_
	END
}

links() {
	python3 test/links.py
}

# petstorectl ctl is a client, on libmosquitto.
check "Mosquitto's headers are included by broker_api.h and the client only" \
	includes_outside 'mosquitto(_broker|_plugin|/)?[a-z_]*\.h' plugin/broker/broker_api.h plugin/ctl/control_args.c
check "broker_api.h is included by events.h and broker.c, events.h by the broker room only" \
	includes_outside "(broker/)?(broker_api|events)\.h" plugin/plugin.c plugin/broker/*.[ch]
check "sqlite3.h is included by the store only" \
	includes_outside 'sqlite3\.h' plugin/ledger/sql.h
check "libpq's header is included by the store only" \
	includes_outside 'libpq-fe\.h' plugin/ledger/pg_lib.h
check "yaml.h is included by base's readers and writer of YAML only" \
	includes_outside 'yaml\.h' plugin/base/yamlread.c plugin/base/yamlfault.h \
	plugin/base/yamlscalar.h plugin/base/configwrite.c
check "base knows no room" arrows base contract access schema ledger gate report monitor broker ctl
check "contract knows base only" arrows contract access schema ledger gate report monitor broker ctl
check "access knows base only" arrows access contract schema ledger gate report monitor broker ctl
check "schema knows base only" arrows schema contract access ledger gate report monitor broker ctl
check "ledger knows base only" arrows ledger contract access schema gate report monitor broker ctl
check "monitor knows base only" arrows monitor contract access schema ledger gate report broker ctl
check "gate knows no room above" arrows gate report monitor broker ctl
check "report knows no room above, nor who may what" arrows report access monitor broker ctl
check "learn knows base, schema and ledger only" arrows learn contract access gate report monitor broker ctl
check "learn is included by petstorectl only" \
	includes_outside 'learn/' plugin/ctl/*.[ch] plugin/learn/*.[ch]
check "broker knows nothing of petstorectl" arrows broker ctl
for part in circles names heads functions words programs; do
	check "the plan of plugin/: $part" test/structure.py $part
done
check "the plugin exports Mosquitto's three symbols" symbols
check "plugin and petstorectl are hardened" \
	test/hardened.sh "$B/mosquitto_petstore.so" "$B/petstorectl"
check "no open tasks and no one's paths" traces
check "the Makefile lists each unit test and fuzzer" listed
check "links of the pages lead somewhere" links
if command -v groff >/dev/null; then
	check "manual pages" groff -man -ww -z -Tutf8 "$B/mosquitto_petstore.5" "$B/petstorectl.1"
else
	echo "skip  manual pages: groff is not installed"
fi
if command -v shellcheck >/dev/null; then
	check "shell scripts" scripts
else
	echo "skip  shellcheck: not installed"
fi
if clang-format --version 2>/dev/null | grep -q 'version 14\.'; then
	check "clang-format" format
else
	echo "skip  clang-format: version 14 decides, and is not installed"
fi
check "gcc has no warnings" warnings lint-gcc gcc
check "links with -flto" whole
if command -v "$CLANG" >/dev/null; then
	check "clang has no warnings" warnings lint-clang "$CLANG"
else
	echo "skip  clang: not installed"
fi
exit $failed
