# mosquitto_petstore: holds an MQTT API to its contract.  `make help` lists the targets.

CC         ?= cc
CFLAGS     ?= -O2 -g
PREFIX     ?= /usr/local
LIBDIR     ?= $(PREFIX)/lib
DESTDIR    ?=
PKG_CONFIG ?= pkg-config
CLANG      ?= clang
PYTHON     ?= /usr/bin/python3
B          ?= build

# The JSON parser that reads messages: yyjson where it is installed, else Jansson.
BACKEND    ?= $(if $(shell $(PKG_CONFIG) --exists yyjson 2>/dev/null && echo y),yyjson,jansson)

# What makes a fault harder to use, as far as the compiler knows it (test/bench/NOTES.md: what it
# costs); make HARDEN= HARDEN_LINK= leaves it out. Fortified functions need an optimizing build.
TAKES      = for f in $1; do echo 'int main(void) { return 0; }' | \
               $(CC) -Werror $$f -x c - -o /dev/null 2>/dev/null && echo "$$f"; done
ifeq ($(origin HARDEN),undefined)
HARDEN     := $(shell $(call TAKES,-fstack-protector-strong -fstack-clash-protection -fcf-protection=return)) \
              $(if $(filter -O1 -O2 -O3 -Os,$(CFLAGS)),-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif
# gcc takes the quick rooms as one when it links the plugin: a call between two files may be inlined
# as within one (test/bench/NOTES.md). All else is linked from the same objects without that. Where
# the flags have -flto themselves, it is for all; make AS_ONE= leaves it out.
ifeq ($(origin AS_ONE)$(filter -flto%,$(CFLAGS)),undefined)
AS_ONE      := -flto=1 -ffat-lto-objects -flto-partition=one
AS_ONE      := $(if $(filter -O1 -O2 -O3,$(CFLAGS)),$(filter $(AS_ONE),$(shell $(call TAKES,$(AS_ONE)))))
AS_ONE      := $(if $(filter 3,$(words $(AS_ONE))),$(AS_ONE))
endif
HARDEN_LINK ?= -Wl,-z,relro,-z,now,-z,noexecstack

# ---- what is built from what ------------------------------------------------------------

BASE     = base/arena base/base64 base/brokerfile base/brokerbridge base/clock base/csv base/config base/config_load base/config_read base/configbuild \
           base/configbuild_copy base/configwrite base/configwrite_notes base/diag base/draft base/entity base/fixedtable base/jsonfile base/jsonread base/keyhash \
           base/limits base/mapguard base/options base/packer base/peer base/percent base/portions base/reason base/seal \
           base/suggest base/thread base/valuepool base/wholefile base/yamlcore base/yamlfault base/yamlread \
           base/yamlscalar base/commands
SCHEMA   = schema/document schema/document_index schema/heirs schema/set schema/resolve schema/dialect schema/dialect_check \
           schema/metaschema schema/keyword schema/keyword_shape schema/uri schema/number \
           schema/compile schema/compile_steps schema/compile_ignored schema/compile_dynamic schema/compile_rules schema/compile_format \
           schema/compile_constant schema/compile_discriminator schema/compile_examples schema/compile_warn \
           schema/compile_circle schema/compile_fast_path schema/compile_worst \
           schema/run schema/run_equal schema/same schema/types schema/marks schema/explain schema/explain_scalar schema/explain_text schema/jsontext \
           schema/payload_common schema/payload_text schema/payload_headers schema/payload_$(BACKEND) schema/jsonbig schema/jsonscan schema/jsonspan schema/jsontree \
           schema/pattern schema/pattern_ecma schema/pattern_ecma_text schema/pattern_ecma_set \
           schema/pattern_property schema/pattern_seq schema/pattern_dfa \
           schema/format schema/format_domain schema/format_host schema/format_time schema/format_uri
# Not CONTRACT and ACCESS: these are files of `make run`.
CONTRACT_ROOM = contract/contract contract/transitions contract/entities contract/scopes \
           contract/applications contract/joined contract/sources contract/sources_follow contract/sources_known contract/sources_load \
           contract/sources_made contract/sources_open contract/sources_place \
           contract/translate contract/translate_channels contract/translate_messages \
           contract/translate_parts contract/translate_security contract/bundle contract/bundle_kind contract/bundle_write contract/cut contract/cut_find contract/cut_pointer contract/documents \
           contract/shapes contract/traits contract/media contract/messages contract/operations contract/members contract/channels contract/address contract/consistency contract/content \
           contract/level contract/topics contract/topics_check contract/topics_filter contract/topics_nearest contract/topics_single \
           contract/message_properties contract/pack contract/pack_parts contract/servers contract/replies contract/dead_letters contract/unlisted
ACCESS_ROOM = access/access access/access_make access/access_load access/access_roles access/access_grants access/access_others access/access_peers access/access_clients \
           access/access_certificate access/access_issuer access/access_commands access/certid \
           access/credcache access/credfile access/derivations access/jwk access/lockout access/names \
           access/nametable access/password access/revoked access/scram access/token access/verifier
LEDGER   = ledger/ledger_core ledger/ledger_look ledger/ledger_commit ledger/ledger_step \
           ledger/ledger_news ledger/ledger_replan ledger/ledger_files ledger/ledger_open \
           ledger/age ledger/state ledger/idfilter ledger/writer ledger/replay \
           ledger/journal_records ledger/journal_pages ledger/journal_segments ledger/journal_file \
           ledger/journal_make ledger/journal_note ledger/journal_scan ledger/journal_sync ledger/journal_repair \
           ledger/pace ledger/pressure ledger/record ledger/crc32c ledger/sql ledger/pagefile ledger/store_engine \
           ledger/store_names ledger/store_words ledger/store_sqlite ledger/ledger_shared ledger/pg_engine \
           ledger/store_files ledger/store_facts ledger/restored ledger/adoption \
           ledger/store_plan ledger/store_rows ledger/batch ledger/batch_table ledger/store_reader \
           ledger/store_trim ledger/backlog ledger/query_engine ledger/query_sqlite ledger/query_sqlite_text ledger/query_pg ledger/query_pg_text
LEDGER  += ledger/pg_lib ledger/pg_params ledger/pg_rows ledger/pg_check ledger/pg_connect ledger/pg \
           ledger/pg_live ledger/pg_look ledger/pg_reader ledger/pg_step
LEDGER  += ledger/pg_store ledger/pg_store_lease ledger/pg_store_upgrade ledger/pg_store_plan ledger/pg_store_facts ledger/pg_probe
LEDGER  += ledger/pg_watch ledger/pg_watch_read ledger/pg_watch_bans ledger/ledger_others
LEDGER  += ledger/pg_process
LEDGER  += ledger/settle ledger/pg_carry ledger/pg_carry_settle ledger/pg_carry_write ledger/pg_carry_events ledger/pg_store_rows ledger/pg_store_trim
MONITOR  = monitor/alerts monitor/anomalies monitor/bans \
           monitor/clients monitor/control monitor/hour monitor/metrics monitor/metrics_brokers monitor/metricstext monitor/metricsfile \
           monitor/monitor monitor/monitor_limits monitor/monitor_seen monitor/packedparts monitor/settings
REPORT   = report/decisionid report/jsonout report/notice report/quota report/refusals report/deadletter report/rowjson report/entityhistory
GATE     = gate/gate gate/judgement gate/permission gate/permission_params gate/message_rules gate/property_rules gate/reply_rules gate/entity_rules gate/repeat gate/peer_rules gate/command_rules gate/unlisted_rules gate/subscription gate/kinds gate/adopt gate/view gate/nearest gate/candidates gate/cloudevents
# What petstorectl alone uses.
LEDGER  += ledger/copy ledger/copy_sqlite ledger/copy_pg ledger/fileuser
LEARN    = learn/accounts learn/channelof learn/learn learn/maker learn/naming learn/observed \
           learn/schemaof learn/shape learn/statuswalk learn/texttable learn/topictree learn/topictree_look \
           learn/traffic learn/traffic_line learn/traffic_rows learn/widen learn/widen_messages learn/widen_schema learn/widen_status
ROOMS    = $(BASE) $(SCHEMA) $(CONTRACT_ROOM) $(ACCESS_ROOM) $(LEDGER) gate/rules gate/rules_access gate/rules_channels gate/rules_grants gate/rules_schemas gate/rules_documents gate/rules_made gate/rules_pack $(GATE) $(REPORT) $(MONITOR) broker/own_messages
LOGIN    = $(addprefix broker/,holdoffs login login_password login_proof login_scram pending_logins)
BROKER   = broker/broker broker/events_publish broker/events_strict broker/peers broker/events_will broker/events_acl broker/events_leave \
           broker/events_login broker/events_reload broker/events_command broker/events_whoami broker/events_contract broker/events_history broker/shown broker/events_later broker/answers broker/underway broker/events_share \
           broker/events_http broker/events_letter broker/events_mended broker/events_release broker/events_resend broker/events_retained broker/events_adopt broker/properties broker/property_layout \
           broker/listeners broker/peers_kept broker/events_others broker/crossings broker/awaited broker/events_standing broker/sessions broker/shares broker/releases broker/repairs $(LOGIN) \
           broker/notify broker/letters broker/feed broker/feed_alerts broker/feed_bans broker/feed_numbers
BROKER  += $(addprefix broker/,lookups lookups_owners lookups_reach lookups_list lookups_entities lookups_rows lookups_changed lookups_events lookups_refusals)
PLUGIN   = plugin $(BROKER)
# What a publish or a delivery goes through, from the broker's event to the journal.
QUICK_ROOMS = $(GATE) access/access base/clock base/fixedtable \
           broker/broker broker/events_acl broker/events_login broker/events_publish broker/events_release broker/events_will \
           broker/feed broker/releases broker/repairs broker/sessions \
           contract/contract contract/level contract/topics contract/topics_filter \
           ledger/crc32c ledger/idfilter ledger/journal_records ledger/journal_repair ledger/journal_scan ledger/ledger_commit \
           ledger/ledger_core ledger/ledger_look ledger/ledger_news ledger/pressure ledger/record ledger/state ledger/writer \
           monitor/anomalies monitor/metrics monitor/monitor monitor/monitor_limits monitor/monitor_seen \
           schema/format schema/format_time schema/pattern schema/pattern_seq schema/payload_common \
           schema/payload_$(BACKEND) schema/run $(if $(filter jansson,$(BACKEND)),schema/jsonbig schema/jsonscan schema/jsontree)
CTL      = ctl/main ctl/ctl ctl/args ctl/files ctl/output ctl/tables \
           ctl/cmd_list ctl/cmd_refusals ctl/cmd_brokers ctl/cmd_explain ctl/explanation ctl/cmd_may \
           ctl/cmd_lint ctl/lint_access ctl/lint_certs ctl/lint_config ctl/lint_bridges ctl/lint_shared ctl/lint_rights ctl/lint_contract ctl/lint_messages ctl/lint_joined ctl/lint_examples \
           ctl/cmd_diff ctl/diff_payloads ctl/cmd_replay ctl/change_list ctl/deref ctl/schema_compare ctl/schema_compare_keywords \
           ctl/cmd_ctl ctl/control_args \
           ctl/cmd_restored ctl/cmd_copy ctl/cmd_import ctl/import_check ctl/import_rows ctl/import_messages ctl/import_ids ctl/cmd_passwd ctl/credwrite ctl/cmd_validate \
           ctl/cmd_contract ctl/cmd_init ctl/init_learn ctl/init_documents ctl/init_accounts ctl/init_folder \
           ctl/init_texts ctl/init_trials ctl/sample ctl/sample_pattern ctl/cmd_completion ctl/cmd_help

# test/unit/test_NAME.c and test/fuzz/fuzz_NAME.c; the THREADED ones also run under TSan.
UNIT     = base seal pagefile csv config draft learn yaml brokerfile options sessions answers shown underway shares releases repairs login holdoffs events crossings awaited pg_watch \
           contract sources translate bundle cut \
           topics gate view pack applications unlisted adopted properties modes repeat report backlog \
           payload payload_text pattern format schema discriminator same uri \
           access password verifier credcache derivations peer token certid scram lockout credwrite names \
           journal journal_faults journal_segments pressure state idfilter store store_files writer ledger ledger_files adoption replan replay age \
           monitor metrics hour control sample schema_compare pg pg_live pg_reader pg_store pg_step ledger_step settle pg_rows
THREADED = pattern verifier answers login journal journal_faults journal_segments pressure writer idfilter ledger ledger_files replan backlog metrics pg_live pg_watch pg_rows pg_store ledger_step
FUZZ     = brokerfile csv yaml contract cut learn translate topics gate repeat notice letter control journal properties \
           payload payload_text pattern format schema_compile schema_check \
           $(if $(filter yyjson,$(BACKEND)),payload_diff) \
           access password token certid scram

LIBS     = jansson yaml-0.1 sqlite3 libcrypto libpcre2-8 libidn2 zlib $(filter yyjson,$(BACKEND))
WARN     = -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
           -Wpointer-arith -Wvla -Wformat=2 -Wundef -Wwrite-strings $(if $(WERROR),-Werror)
CORE     = -std=gnu11 -D_GNU_SOURCE $(if $(filter yyjson,$(BACKEND)),-DPAYLOAD_YYJSON) -Iplugin -Wa,-I. -fPIC -fvisibility=hidden -pthread $(WARN) \
           $(shell $(PKG_CONFIG) --cflags $(LIBS) libpq)
# libpq's headers only: it is loaded where a database is PostgreSQL (ledger/pg_lib.h).
LINK     = -pthread $(if $(AS_ONE),-fno-lto) $(LDFLAGS) $(shell $(PKG_CONFIG) --libs $(LIBS)) -lm
SAN      = -O1 -g1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
TSAN     = -O1 -g1 -fsanitize=thread
FUZZER   = -O1 -g1 -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
# Unit tests count allocations and make the n-th one fail (test/unit/failalloc.h).
WRAP     = -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup

all: $(B)/mosquitto_petstore.so $(B)/petstorectl  ## build the plugin and petstorectl

$(B)/mosquitto_petstore.so: $(PLUGIN:%=$(B)/rel/%.o) $(ROOMS:%=$(B)/rel/%.o) plugin/exports.map
	@$(if $(findstring s,$(firstword -$(MAKEFLAGS))),:,echo "link $@")
	@$(CC) -shared -o $@ $(filter %.o,$^) -Wl,-Bsymbolic $(HARDEN_LINK) \
	  -Wl,--version-script=plugin/exports.map $(filter-out -fno-lto,$(LINK)) $(AS_ONE)

$(B)/petstorectl: $(CTL:%=$(B)/rel/%.o) $(LEARN:%=$(B)/rel/%.o) $(ROOMS:%=$(B)/rel/%.o)
	@$(if $(findstring s,$(firstword -$(MAKEFLAGS))),:,echo "link $@")
	@$(CC) -pie -o $@ $^ $(HARDEN_LINK) $(LINK) -lmosquitto

# One source, four builds: release, ASan+UBSan, TSan, libFuzzer.
# Objects are compiled anew when these flags change.
$(B)/rel/flags: FORCE ; @mkdir -p $(@D); echo '$(HARDEN) $(AS_ONE) $(CFLAGS)' | cmp -s - $@ || echo '$(HARDEN) $(AS_ONE) $(CFLAGS)' >$@
FORCE:
$(B)/rel/%.o: plugin/%.c $(B)/rel/flags ; @mkdir -p $(@D) && $(CC) $(CORE) $(HARDEN) $(CFLAGS) $(PATH_FLAGS) -MMD -MP -c $< -o $@
# On the path of a publish and a delivery: frames with an array of bytes are protected, not each
# with a struct whose address is taken (test/bench/NOTES.md).
$(QUICK_ROOMS:%=$(B)/rel/%.o): PATH_FLAGS = $(if $(findstring stack-protector,$(HARDEN)),-fstack-protector) $(AS_ONE)
# Where petstorectl looks for the plugin.
$(B)/rel/ctl/init_documents.o: CORE += -DINIT_PLUGIN_FOLDER='"$(LIBDIR)"'
# The engine's inner switch: an indirect jump may cost more than comparisons (test/bench/NOTES.md).
$(B)/rel/schema/run.o: CORE += -fno-jump-tables
$(B)/san/%.o: plugin/%.c ; @mkdir -p $(@D) && $(CC) $(CORE) $(SAN) -MMD -MP -c $< -o $@
$(B)/tsan/%.o: plugin/%.c ; @mkdir -p $(@D) && $(CC) $(CORE) $(TSAN) -MMD -MP -c $< -o $@
$(B)/fuzz/%.o: plugin/%.c ; @mkdir -p $(@D) && $(CLANG) $(CORE) $(FUZZER) -MMD -MP -c $< -o $@
$(foreach k,rel san tsan fuzz,$(B)/$k/ledger/store_sqlite.o): $(wildcard schemas/store/*.sql)
$(foreach k,rel san tsan fuzz,$(B)/$k/ledger/pg_store_upgrade.o): $(wildcard schemas/store/postgresql/*.sql)
$(foreach k,rel san tsan fuzz,$(B)/$k/schema/metaschema.o): $(wildcard plugin/schema/metaschema/*.json plugin/schema/metaschema/*/*.json)

# ---- tests ------------------------------------------------------------------------------

# All rooms that a test may link without a broker, so that a test links what it uses.
T_ROOMS = $(ROOMS) $(LEARN) $(LOGIN) $(addprefix broker/,sessions answers shown underway shares releases repairs crossings awaited) \
          ctl/credwrite ctl/sample ctl/sample_pattern ctl/schema_compare ctl/schema_compare_keywords
$(foreach k,rel san tsan fuzz,$(eval $(B)/$k/rooms.a: $(T_ROOMS:%=$(B)/$k/%.o)))
$(B)/%/rooms.a: ; @rm -f $@ && ar rcs $@ $^

$(B)/san/failalloc.o $(B)/tsan/failalloc.o: $(B)/%/failalloc.o: test/unit/failalloc.c
	@mkdir -p $(@D) && $(CC) $(CORE) $(if $(filter san,$*),$(SAN),$(TSAN)) -MMD -MP -c $< -o $@

UNITS = -Itest/unit -MMD -MP -MF $@.d -o $@
# Tests ask PostgreSQL themselves (test/unit/folder.h).
LINK_PQ = $(shell $(PKG_CONFIG) --libs libpq)
$(B)/san/test_%: test/unit/test_%.c $(B)/san/failalloc.o $(B)/san/rooms.a
	$(CC) $(CORE) $(SAN) $< $(UNITS) $(filter %.o,$^) $(B)/san/rooms.a $(WRAP) -lcmocka $(LINK_PQ) $(LINK)
# The broker's events, with a stand-in for the broker.
$(B)/san/test_events: $(PLUGIN:%=$(B)/san/%.o)
$(B)/tsan/test_%: test/unit/test_%.c $(B)/tsan/failalloc.o $(B)/tsan/rooms.a
	$(CC) $(CORE) $(TSAN) $< $(UNITS) $(filter %.o,$^) $(B)/tsan/rooms.a $(WRAP) -lcmocka $(LINK_PQ) $(LINK)
$(B)/fuzz/fuzz_%: test/fuzz/fuzz_%.c $(B)/fuzz/rooms.a
	$(CLANG) $(CORE) $(FUZZER) -fsanitize=fuzzer -MMD -MP -MF $@.d $(filter %.c %.o,$^) -o $@ $(B)/fuzz/rooms.a $(LINK)
# The other backend beside this build's own, for the fuzzer that compares them.
$(B)/fuzz/jansson/%.o: plugin/schema/%.c test/fuzz/jansson_names.h
	@mkdir -p $(@D)
	$(CLANG) $(CORE) $(FUZZER) -UPAYLOAD_YYJSON -include test/fuzz/jansson_names.h -c $< -o $@
$(B)/fuzz/fuzz_payload_diff: $(B)/fuzz/jansson/payload_common.o $(B)/fuzz/jansson/payload_jansson.o
# Properties are the library's; the broker has it in itself.
$(B)/fuzz/fuzz_properties: $(B)/fuzz/broker/properties.o $(B)/fuzz/broker/property_layout.o
$(B)/fuzz/fuzz_properties: LINK += -lmosquitto
.SECONDARY:

# `make unit` runs one program after another; a failure does not hide the others. What needs a
# PostgreSQL server finds it in PETSTORE_POSTGRES.
ALL_OF = @$(PYTHON) test/postgres.py run sh -c 'rc=0; for t; do echo "== $$t"; $$t || rc=1; done; exit $$rc' sh
unit: $(UNIT:%=$(B)/san/test_%)  ## unit tests, under ASan and UBSan
	$(ALL_OF) $(abspath $^)

# Those of the ledger that know both engines, with PostgreSQL. Not replay: how many old rows go with
# how many new ones is each engine's own (test_store.c has what holds of both).
UNIT_PG = store ledger ledger_files replan backlog adopted adoption
unit-pg: $(UNIT_PG:%=$(B)/san/test_%)  ## the ledger's unit tests, with PostgreSQL
	@export DATABASE=postgresql; $(ALL_OF:@%=%) $(abspath $^)

golden: $(B)/petstorectl  ## petstorectl's output, against the files under test/data/ctl
	@B="$(B)" $(PYTHON) test/ctl.py

unit-tsan: $(THREADED:%=$(B)/tsan/test_%)  ## the threaded rooms' unit tests, under TSan
	$(ALL_OF) $(abspath $^)

# Each fuzzer gets SECONDS; new inputs stay under $(B), crashes fail the target.
SECONDS ?= 60
fuzz: $(FUZZ:%=$(B)/fuzz/fuzz_%)  ## run every fuzzer for SECONDS each
	@for f in $(FUZZ); do mkdir -p $(B)/fuzz/corpus/$$f; echo "== $$f"; log=$(B)/fuzz/$$f.log; \
	  $(B)/fuzz/fuzz_$$f -max_total_time=$(SECONDS) -print_final_stats=1 -verbosity=0 \
	    -artifact_prefix=$(B)/fuzz/ $(B)/fuzz/corpus/$$f test/fuzz/corpus/$$f >$$log 2>&1 || \
	    { tail -n 60 $$log; exit 1; }; grep number_of_executed $$log; done

# SUITE: a folder laid out like the JSON-Schema-Test-Suite; REMOTES: http://localhost:1234/.
REMOTES ?= $(SUITE)/remotes
$(B)/conformance: test/conformance/conformance.c $(BASE:%=$(B)/rel/%.o) $(SCHEMA:%=$(B)/rel/%.o)
	$(CC) $(CORE) $(CFLAGS) -MMD -MP -MF $@.d $(filter %.c %.o,$^) -o $@ $(LINK)
conformance: $(B)/conformance  ## run a JSON Schema test suite: SUITE=DIR [REMOTES=DIR]
	@$(if $(SUITE),,echo "usage: make conformance SUITE=DIR [REMOTES=DIR]"; exit 2;) \
	  $(B)/conformance $(SUITE) $(REMOTES) test/conformance/excused.json

# Side by side with the stock broker, in some 20 minutes; QUICK=1: in 5.
BENCHES = $(B)/load $(B)/bench_gate $(B)/bench_schema $(B)/bench_ledger $(B)/bench_monitor $(B)/bench_scale
bench: deps-run  ## what enforcement costs: the tables of docs/benchmarks.md, anew (QUICK=1: less)
	@scripts/deps.sh bench || true # without, some of it is not measured
	@$(MAKE) --no-print-directory all $(BENCHES)
	@B="$(abspath $(B))" $(PYTHON) test/bench/bench.py $(if $(QUICK),--quick) $(if $(ONLY),--only $(ONLY))

bench-readme: bench  ## the same, and put it into docs/benchmarks.md and README
	@B="$(abspath $(B))" $(PYTHON) test/bench/report.py --readme

$(B)/bench_gate: test/bench/bench_gate.c $(B)/rel/rooms.a
	$(CC) $(CORE) $(CFLAGS) -MMD -MP -MF $@.d $< $(B)/rel/rooms.a -o $@ $(LINK)
$(B)/bench_scale: test/bench/bench_scale.c $(B)/rel/rooms.a
	$(CC) $(CORE) $(CFLAGS) -MMD -MP -MF $@.d $< $(B)/rel/rooms.a -o $@ $(LINK)
bench-gate: $(B)/bench_gate  ## what a decision costs
	@$(B)/bench_gate

$(B)/bench_schema: test/bench/bench_schema.c $(BASE:%=$(B)/rel/%.o) $(SCHEMA:%=$(B)/rel/%.o)
	$(CC) $(CORE) $(CFLAGS) -MMD -MP -MF $@.d $(filter %.c %.o,$^) -o $@ $(LINK)
bench-schema: $(B)/bench_schema  ## how long parsing and validating a message takes
	@$(B)/bench_schema

$(B)/bench_worst: test/bench/bench_worst.c $(BASE:%=$(B)/rel/%.o) $(SCHEMA:%=$(B)/rel/%.o)
	$(CC) $(CORE) $(CFLAGS) -MMD -MP -MF $@.d $(filter %.c %.o,$^) -o $@ $(LINK)
bench-worst: $(B)/bench_worst  ## what schemas and messages that are made to be slow cost
	@$(B)/bench_worst

$(B)/bench_ledger: test/bench/bench_ledger.c $(BASE:%=$(B)/rel/%.o) $(LEDGER:%=$(B)/rel/%.o)
	$(CC) $(CORE) $(CFLAGS) -MMD -MP -MF $@.d $(filter %.c %.o,$^) -o $@ $(LINK)
bench-ledger: all $(B)/bench_ledger  ## what keeping an accepted write costs
	@$(B)/bench_ledger 1000000 $(B)
	@B="$(abspath $(B))" $(PYTHON) test/bench/stall.py

LOAD = $(addprefix test/bench/load/,load.c clients.c wire.c work.c times.c cpu.c settings.c)
$(B)/load: $(LOAD) $(wildcard test/bench/load/*.h) $(B)/rel/base/clock.o
	$(CC) $(CORE) $(CFLAGS) $(filter %.c %.o,$^) -o $@ -lssl $(LINK)

bench-cluster: all $(B)/load  ## steps and events a second of one to three brokers with one PostgreSQL
	@B="$(abspath $(B))" $(PYTHON) test/bench/cluster_bench.py

bench-logins: all  ## logins a second, and what ownership costs, beside the stock broker
	@B="$(abspath $(B))" $(PYTHON) test/bench/logins.py
	@B="$(abspath $(B))" $(PYTHON) test/bench/own.py

# npm fetches the parser once; after that the folder is as test/asyncapi/ says and is used as it is.
NPM = $(B)/npm
CONTRACTS = schemas/petstore.asyncapi.json test/data/smarthome/smarthome.asyncapi.json
$(NPM)/node_modules/.package-lock.json: test/asyncapi/package.json test/asyncapi/package-lock.json
	@scripts/deps.sh run docs
	@mkdir -p $(NPM) && cp $^ $(NPM)/
	cd $(NPM) && npm ci --ignore-scripts --prefer-offline --no-audit --no-fund
	@touch $@
asyncapi-npm: $(NPM)/node_modules/.package-lock.json
asyncapi: asyncapi-npm  ## ask AsyncAPI's own parser about the contracts
	ASYNCAPI_HOME=$(NPM) node test/asyncapi/check.mjs $(CONTRACTS)

$(B)/bench_monitor: test/bench/bench_monitor.c $(BASE:%=$(B)/rel/%.o) $(MONITOR:%=$(B)/rel/%.o)
	$(CC) $(CORE) $(CFLAGS) -MMD -MP -MF $@.d $(filter %.c %.o,$^) -o $@ $(LINK)
bench-monitor: $(B)/bench_monitor  ## what limits, detectors and counters cost a message
	@$(B)/bench_monitor

# What `all` does not build, for its warnings only.
OTHERS = $(filter-out $(if $(filter yyjson,$(BACKEND)),,%/fuzz_payload_diff.c), \
           $(shell find docs test -name '*.c' ! -path 'test/clients/*'))
parse: ; @$(CC) $(CORE) -Itest/unit -fsyntax-only $(OTHERS)

lint: all $(B)/mosquitto_petstore.5 $(B)/petstorectl.1  ## formatting, arrows between rooms, exported symbols, warnings of gcc and clang
	+@B=$(B) CC="$(CC)" CLANG="$(CLANG)" MAKE="$(MAKE)" test/lint.sh

fmt:  ## format the sources
	clang-format -i $(shell find plugin docs test -name '*.[ch]')

test: deps  ## install what is missing and run everything that MINUTES=19 allow (FULL=1: everything)
	@B="$(B)" MAKE="$(MAKE)" $(PYTHON) test/all.py

SHARE = $(PREFIX)/share/mosquitto-petstore
DOC   = $(PREFIX)/share/doc/mosquitto-petstore
# The pages, and all that they link to, in the same folders as here.
PAGES = README.md ARCHITECTURE.md CHANGELOG.md CONTRIBUTING.md LICENSE SECURITY.md mosquitto.conf.example \
        $(wildcard docs/*.md docs/*.svg docs/*.png schemas/*.md schemas/*.json schemas/store/*.md schemas/store/*.sql \
          examples/*/*.py examples/*/*.cjs examples/esp32/*/*.ino examples/bridge/* examples/existing-broker/* docker/entrypoint.sh docker/haproxy.cfg docker/grafana/*.json)
# Where zsh looks: in Debian's folder for packages, or in that for what was built here.
ZSH_FOLDER = $(if $(filter /usr,$(PREFIX)),vendor-completions,site-functions)
COMPLETIONS = $(addprefix $(B)/completion.,bash zsh fish)
$(COMPLETIONS): $(B)/completion.%: $(B)/petstorectl ; $< completion $* >$@
# One with a space would be two names, of which the second may be one of this system's.
NO_SPACES = $(if $(filter-out 1,$(words .$(DESTDIR).$(PREFIX).$(LIBDIR).)),$(error DESTDIR, PREFIX and LIBDIR can have no spaces))
install: all $(B)/mosquitto_petstore.5 $(B)/petstorectl.1 $(COMPLETIONS)  ## install into PREFIX, LIBDIR (DESTDIR is put in front)
	$(NO_SPACES)install -D -m 755 $(B)/mosquitto_petstore.so $(DESTDIR)$(LIBDIR)/mosquitto_petstore.so
	install -D -m 755 $(B)/petstorectl $(DESTDIR)$(PREFIX)/bin/petstorectl
	install -D -m 644 $(B)/petstorectl.1 $(DESTDIR)$(PREFIX)/share/man/man1/petstorectl.1
	install -D -m 644 $(B)/completion.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/petstorectl
	install -D -m 644 $(B)/completion.zsh $(DESTDIR)$(PREFIX)/share/zsh/$(ZSH_FOLDER)/_petstorectl
	install -D -m 644 $(B)/completion.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/petstorectl.fish
	install -D -m 644 $(B)/mosquitto_petstore.5 $(DESTDIR)$(PREFIX)/share/man/man5/mosquitto_petstore.5
	install -d $(DESTDIR)$(SHARE)/schemas $(DESTDIR)$(DOC)
	install -m 644 schemas/*.json $(DESTDIR)$(SHARE)/schemas/
	install -m 644 docker/access.json $(DESTDIR)$(SHARE)/
	install -D -m 644 web/console.html $(DESTDIR)$(SHARE)/console/index.html
	sed 's|/usr/local/lib/|$(LIBDIR)/|; s|/usr/local/share/mosquitto-petstore/|$(SHARE)/|' \
	  mosquitto.conf.example >$(DESTDIR)$(SHARE)/mosquitto.conf.example
	chmod 644 $(DESTDIR)$(SHARE)/mosquitto.conf.example
	install -m 755 scripts/demo.sh scripts/cluster.sh $(DESTDIR)$(SHARE)/
	install -m 644 docker/haproxy.cfg $(DESTDIR)$(SHARE)/
	install -m 644 scripts/debian/systemd.conf $(DESTDIR)$(SHARE)/ # the package installs it in place
	install -d $(DESTDIR)$(PREFIX)/sbin
	sed 's|^share=.*|share=$(SHARE)|; s|^plugin=.*|plugin=$(LIBDIR)/mosquitto_petstore.so|' \
	  scripts/debian/petstore-setup >$(DESTDIR)$(PREFIX)/sbin/petstore-setup
	chmod 755 $(DESTDIR)$(PREFIX)/sbin/petstore-setup
	@for page in $(PAGES); do install -D -m 644 $$page $(DESTDIR)$(DOC)/$$page || exit 1; done

# Each file of the recipe above.
INSTALLED = $(LIBDIR)/mosquitto_petstore.so $(PREFIX)/bin/petstorectl $(PREFIX)/sbin/petstore-setup \
        $(addprefix $(PREFIX)/share/,man/man1/petstorectl.1 man/man5/mosquitto_petstore.5 bash-completion/completions/petstorectl \
          zsh/$(ZSH_FOLDER)/_petstorectl fish/vendor_completions.d/petstorectl.fish) \
        $(addprefix $(SHARE)/,access.json console/index.html mosquitto.conf.example demo.sh cluster.sh haproxy.cfg systemd.conf \
          $(wildcard schemas/*.json)) $(addprefix $(DOC)/,$(PAGES))
SETUP_CONF = /etc/mosquitto/conf.d/petstore.conf
uninstall:  ## remove what install put there (the same PREFIX, LIBDIR, DESTDIR)
	@$(NO_SPACES)rm -f $(addprefix $(DESTDIR),$(INSTALLED))
	@for own in $(SHARE) $(DOC); do test ! -d $(DESTDIR)$$own || find $(DESTDIR)$$own -depth -type d -empty -delete; done
	@! grep -qs '^plugin $(LIBDIR)/mosquitto_petstore.so' $(DESTDIR)$(SETUP_CONF) || \
	  echo 'uninstall: $(DESTDIR)$(SETUP_CONF) still loads the plugin: take it away, or the broker does not start again'

clean:  ## remove what was built (chroots, npm packages and make run's files stay)
	@test ! -e $(B)/Makefile || { echo "clean: B=$(B) is no build folder"; exit 2; }
	@test ! -d $(B) || find $(B) -mindepth 1 -maxdepth 1 \
	  $(foreach k,chroot npm web run cluster,! -name $k) -exec rm -rf {} +

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' Makefile

.PHONY: FORCE all test-needs parse asyncapi asyncapi-npm conformance bench bench-readme bench-gate bench-schema bench-ledger bench-worst bench-monitor bench-cluster bench-logins unit unit-pg unit-tsan fuzz lint fmt test install uninstall clean help deps deps-run run integration integration-pg attack integration-san crash cluster-faults powercut

# ---- running it -------------------------------------------------------------------------

RUN_DIR    ?= $(B)/run
TLS_PORT   ?= 8883
WSS_PORT   ?= 8084
MTLS_PORT  ?= 8884
PLAIN_PORT ?= 1883
# The console's: "any" is the first one from 8080 on that is free; empty: no console.
CONSOLE_PORT ?= any
# Documents that come without accounts (CONTRACT= without ACCESS=) have a folder of their own.
OWN_DIR    := $(if $(filter file,$(origin RUN_DIR)),$(RUN_DIR)/own,$(RUN_DIR))

deps:  ## install what the build and the tests need (Debian), or say what is missing
	@PYTHON=$(PYTHON) scripts/deps.sh run test

deps-ship:  ## install what the tests about shipping need
	@PYTHON=$(PYTHON) scripts/deps.sh run test ship

deps-run:  ## install what the build and `make run` need
	@scripts/deps.sh run

# Who tries things waits for the build: all processors, unless somebody says how many.
JOBS = $(if $(findstring -j,$(MAKEFLAGS)),,-j"$$(nproc)")

# A make of its own builds: the questions to pkg-config come after deps. exec: make's child is
# the broker itself, so that signals reach it.
run: deps-run  ## install what is missing, build, and run a broker to try things on (CONTRACT=FILE: yours)
	@[ -e $(B)/mosquitto_petstore.so ] || echo 'builds the plugin, which takes a minute on a processor that has nothing else to do'
	@$(MAKE) --no-print-directory $(JOBS) all
ifneq ($(and $(CONTRACT),$(if $(ACCESS),,own)),)
	@RUN_DIR="$(OWN_DIR)" PLUGIN="$(B)/mosquitto_petstore.so" TOOL="$(B)/petstorectl" \
	  PLAIN_PORT="$(PLAIN_PORT)" CONSOLE_PORT="$(CONSOLE_PORT)" CONTRACT="$(CONTRACT)" exec scripts/own.sh
else
	@RUN_DIR="$(RUN_DIR)" PLUGIN="$(B)/mosquitto_petstore.so" TLS_PORT="$(TLS_PORT)" \
	  WSS_PORT="$(WSS_PORT)" MTLS_PORT="$(MTLS_PORT)" PLAIN_PORT="$(PLAIN_PORT)" \
	  CONSOLE_PORT="$(CONSOLE_PORT)" exec scripts/demo.sh
endif

CLUSTER_DIR ?= $(B)/cluster
BROKERS    ?= 3
PORTS      ?= 18800
.PHONY: deps-cluster run-cluster
deps-cluster:
	@scripts/deps.sh run cluster

run-cluster: deps-cluster  ## the same with BROKERS=3 (or 2) brokers, PostgreSQL with a standby, and HAProxy (PORTS=18800: the first of 100)
	@$(MAKE) --no-print-directory $(JOBS) all
	@CLUSTER_DIR="$(CLUSTER_DIR)" BROKERS="$(BROKERS)" PORTS="$(PORTS)" PLUGIN="$(B)/mosquitto_petstore.so" TLS_PORT="$(TLS_PORT)" \
	  WSS_PORT="$(WSS_PORT)" MTLS_PORT="$(MTLS_PORT)" exec scripts/cluster.sh

# What those below and lint need beside the plugin, so that they may run at the same time.
test-needs: all $(B)/reference $(B)/load $(B)/powercut.so $(B)/slowsync.so $(B)/mosquitto_petstore.5 $(B)/petstorectl.1 $(COMPLETIONS)

integration: test-needs  ## the tests with a real broker and real clients
	@mkdir -p $(B)
	CLAIMS="$(CLAIMS)" B="$(abspath $(B))" $(PYTHON) -m pytest -q -p no:cacheprovider \
	  --junitxml=$(B)/integration$(PART).xml $(PYTEST) $(or $(TESTS),test/integration)

# Those whose matter is the ledger; FULL=1: all.
LEDGER_TESTS = $(addprefix test/integration/test_,$(addsuffix .py,restart store store_trouble console_lookups console_listings console_away batch unique own adopted \
                 retained session explain crash) powercut.py::test_synced_is_kept)
integration-pg: test-needs  ## those about the ledger, with PostgreSQL (FULL=1: all)
	@mkdir -p $(B)
	DATABASE=postgresql B="$(abspath $(B))" $(PYTHON) -m pytest -q -p no:cacheprovider \
	  --junitxml=$(B)/integration-pg.xml $(PYTEST) $(or $(TESTS),$(if $(FULL),test/integration,$(LEDGER_TESTS)))

attack: test-needs  ## what a hostile peer does to a real broker
	B="$(abspath $(B))" $(PYTHON) -m pytest -q -p no:cacheprovider \
	  --junitxml=$(B)/attack.xml $(PYTEST) $(or $(TESTS),test/attack)

# What the sanitizers find in the broker stands on its log, and fails the test that stops it.
$(B)/san/mosquitto_petstore.so: $(PLUGIN:%=$(B)/san/%.o) $(ROOMS:%=$(B)/san/%.o) plugin/exports.map
	$(CC) -shared -o $@ $(filter %.o,$^) $(SAN) -Wl,--version-script=plugin/exports.map $(LINK)

integration-san: test-needs $(B)/asanfirst.so $(B)/san/mosquitto_petstore.so  ## the same, the plugin under ASan and UBSan
	B="$(abspath $(B))" PLUGIN="$(abspath $(B))/san/mosquitto_petstore.so" \
	  BROKER_PRELOAD="$(shell $(CC) -print-file-name=libasan.so) $(abspath $(B))/asanfirst.so" \
	  $(PYTHON) -m pytest -q -p no:cacheprovider $(PYTEST) $(or $(TESTS),test/integration)

# Disks for the broker that they are preloaded into: one forgets what was not synced, one is slow.
$(B)/powercut.so $(B)/slowsync.so $(B)/asanfirst.so: $(B)/%.so: test/integration/%.c
	$(CC) $(CORE) $(CFLAGS) -fvisibility=default -shared $(SHARED_LD) -MMD -MP -MF $(B)/rel/$*.d $< -o $@ -ldl
$(B)/asanfirst.so: SHARED_LD = -Wl,-z,initfirst

RUNS ?= 10
crash: all $(B)/slowsync.so  ## kill -9 the broker under load RUNS times a condition; what was acknowledged is kept
	B="$(abspath $(B))" $(PYTHON) test/integration/crash.py --runs $(RUNS)

cluster-faults: all  ## kill brokers and servers of a cluster, cut its wires, RUNS times under load
	B="$(abspath $(B))" $(PYTHON) test/integration/cluster_faults.py --runs $(RUNS)

powercut: all $(B)/powercut.so  ## cut the power RUNS times a condition; what was synced is kept
	B="$(abspath $(B))" $(PYTHON) test/integration/powercut.py --runs $(RUNS)

# ---- shipping it ------------------------------------------------------------------------

# Options, alerts and reasons, printed from the plugin's own tables.
$(B)/reference: docs/reference.c $(BASE:%=$(B)/rel/%.o) \
                $(B)/rel/monitor/alerts.o $(B)/rel/monitor/settings.o
	$(CC) $(CORE) $(CFLAGS) -MMD -MP -MF $(B)/rel/reference.d $(filter %.c %.o,$^) -o $@ $(LINK)

MAN = @B=$(B) LIBDIR=$(LIBDIR) DATADIR=$(SHARE) DOCDIR=$(DOC) docs/man.sh
$(B)/%.1: docs/%.1.in docs/man.sh $(B)/petstorectl ; $(MAN) $< >$@
$(B)/%.5: docs/%.5.in docs/man.sh $(B)/reference ; $(MAN) $< >$@

deb:  ## build a Debian package in B (installs what that needs)
	@scripts/deps.sh run package
	+@B=$(B) MAKE="$(MAKE)" scripts/debian/build.sh

deb-test: deb  ## install, use and purge the package on small Debian systems
	@B=$(B) test/deb.sh

IMAGE ?= mosquitto-petstore
BASE_IMAGE ?= debian:trixie-slim
image:  ## build the container image IMAGE on BASE_IMAGE, with docker, podman or buildah
	@docker/image.sh $(IMAGE) $(BASE_IMAGE)

image-test:  ## build the image on a base made here, run it and try it from outside
	@B=$(B) test/image.sh

fresh-test:  ## a clone of the last commit on bare Debian systems: make run (FULL=1: make test too)
	@test/fresh.sh

matrix:  ## unit and integration tests on Debian trixie and sid (Mosquitto 2.0.21, 2.1)
	@test/matrix.sh

# The console. web/console.html is built from web/src and committed, so that whoever runs the plugin
# needs no npm. npm's folder has what web/package-lock.json says, and is made anew when that changes.
WEB     = $(B)/web
WEB_NPM = $(WEB)/node_modules/.package-lock.json
$(WEB_NPM): web/package.json web/package-lock.json
	@scripts/deps.sh run docs
	@mkdir -p $(WEB) && cp $^ $(WEB)/
	cd $(WEB) && npm ci --no-audit --no-fund --ignore-scripts
	@for f in src build.mjs tsconfig.json; do ln -sfn $(CURDIR)/web/$$f $(WEB)/$$f; done
	@touch $@

# What the page knows by itself: options, reasons, alerts, the members of the operator's files.
$(WEB)/reference.json: $(B)/reference web/reference.mjs web/members.mjs docs/troubleshooting.md docs/limits-and-alerts.md \
		$(patsubst %,schemas/%.schema.json,contract-extensions access monitor)
	@mkdir -p $(@D)
	$(B)/reference json >$@.own
	node web/reference.mjs $@.own docs schemas >$@.new && mv $@.new $@

$(B)/console.html: $(WEB_NPM) $(WEB)/reference.json web/build.mjs web/tsconfig.json $(shell find web/src -type f)
	cd $(WEB) && node_modules/.bin/tsc --noEmit
	cd $(WEB) && node --preserve-symlinks --preserve-symlinks-main build.mjs $(abspath $@) --reference reference.json

console: $(B)/console.html  ## build the console from web/src, into web/console.html
	cp $< web/console.html

# The same page with a contract in it, to be read without a broker: CONTRACT is AsyncAPI 2.x or 3.x, YAML
# or JSON, and may refer to other files. Status 1 of petstorectl: written, with remarks.
docs: $(B)/console.html $(B)/petstorectl  ## the console with a contract built in, in B/docs (CONTRACT=FILE)
	@mkdir -p $(B)/docs
	$(B)/petstorectl contract bundle $(or $(CONTRACT),schemas/petstore.asyncapi.json) --to json --output $(B)/docs/bundled.json || [ $$? = 1 ]
	$(B)/petstorectl contract convert $(B)/docs/bundled.json --to json --output $(B)/docs/contract.json || [ $$? = 1 ]
	cd $(WEB) && node --preserve-symlinks --preserve-symlinks-main build.mjs $(abspath $(B)/docs/index.html) \
	  --reference reference.json --contract $(abspath $(B)/docs/contract.json)

console-pictures: all $(B)/console.html  ## take the README's pictures of the console
	@B=$(B) WEB_HOME=$(WEB) node web/pictures.mjs docs

# The console in a browser, signed in at a broker; unit tests of its TypeScript beside their sources.
console-npm: $(WEB_NPM)
console-test: docs all $(B)/reference  ## try the console in headless Chromium, at a real broker
	@B=$(B) WEB_HOME=$(WEB) test/console/all.sh $(TESTS)

.PHONY: deb deb-test image image-test matrix fresh-test console console-npm console-pictures console-test docs deps-ship

-include $(shell find $(B)/rel $(B)/san $(B)/tsan $(B)/fuzz -name '*.d' 2>/dev/null)
