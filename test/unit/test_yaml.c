/*
 * Files in YAML and JSON: what is read, with its places; what is refused, in which words; and what
 * is written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>

#include "base/config.h"
#include "base/configbuild.h"
#include "base/configwrite.h"
#include "base/draft.h"
#include "base/yamlread.h"
#include "failalloc.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

struct reading {
	const char *text;
	const char *is; /* as JSON, or the line of the fault */
};

/* The tree as JSON in one line, or the fault: new. */
static char *outcome(const char *name, const char *text, size_t len)
{
	struct config *root = NULL;
	struct diag diag = { "" };
	json_t *json;
	char *line;

	if (config_parse(name, text, len, &root, &diag)) {
		assert_null(root);
		return strdup(diag.text);
	}
	json = config_json(root);
	line = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
	json_decref(json);
	config_free(root);
	return line;
}

static void check(const char *name, const struct reading *readings, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char *line = outcome(name, readings[i].text, strlen(readings[i].text));

		if (strcmp(line, readings[i].is) != 0)
			fail_msg("%s\nis   %s\nnot  %s", readings[i].text, line, readings[i].is);
		free(line);
	}
}

/* ---- what YAML means -------------------------------------------------------------------- */

static void test_yamlread__knows_the_core_schema(void **state)
{
	static const struct reading readings[] = {
		{ "[null, Null, NULL, ~, ]", "[null,null,null,null]" },
		{ "a:\nb: \nc: ''", "{\"a\":null,\"b\":null,\"c\":\"\"}" },
		{ "[true, True, TRUE, false, False, FALSE]", "[true,true,true,false,false,false]" },
		{ "[tRue, yes, no, on, off, y, n, nULL]",
		  "[\"tRue\",\"yes\",\"no\",\"on\",\"off\",\"y\",\"n\",\"nULL\"]" },
		{ "[0, -1, +12, 0777, 0o17, 0xfF, 00]", "[0,-1,12,777,15,255,0]" },
		{ "[1_000, 0b1, 12:30, 0o8, 0xg, +, -0x1, 0o, 0x]",
		  ("[\"1_000\",\"0b1\",\"12:30\",\"0o8\",\"0xg\",\"+\",\"-0x1\",\"0o\",\"0x\"]") },
		{ "[1.5, .5, 1., -1e3, 1E-2, +.5e+1]", "[1.5,0.5,1.0,-1000.0,0.01,5.0]" },
		{ "[., -., 1e, 1.e, e5, .e5, 1.2.3, ..1]",
		  "[\".\",\"-.\",\"1e\",\"1.e\",\"e5\",\".e5\",\"1.2.3\",\"..1\"]" },
		{ "[2024-01-31, 2024-01-31T10:00:00Z]",
		  "[\"2024-01-31\",\"2024-01-31T10:00:00Z\"]" },
		{ "['1', \"true\", 'null', \"0x1\"]", "[\"1\",\"true\",\"null\",\"0x1\"]" },
		{ "|\n  1\n", "\"1\\n\"" },
		{ ">-\n  a\n  b\n", "\"a b\"" },
		{ "[9223372036854775807, -9223372036854775808, 0x7fffffffffffffff]",
		  "[9223372036854775807,-9223372036854775808,9223372036854775807]" },
		{ "[9300000000000000000, 18446744073709551615, 0xffffffffffffffff]",
		  ("[9.3e18,1.8446744073709552e19,1.8446744073709552e19]") },
		{ "\"a\\0b\\x7f\\u00e9\\U0001F600\"", "\"a\\u0000b\x7f\u00e9\U0001F600\"" },
		{ "", "null" },
		{ "# nothing\n", "null" },
		{ "---\n...\n", "null" },
		{ "%YAML 1.2\n---\na: 1\n...\n# end\n", "{\"a\":1}" },
		{ "\xef\xbb\xbf"
		  "a: 1",
		  "{\"a\":1}" },
		{ "a: 1\r\nb: 2\r\n", "{\"a\":1,\"b\":2}" },
		{ ".inf", "f.yaml:1:1: JSON has no number .inf: quote it if it is a text" },
		{ "a: [-.INF]",
		  "f.yaml:1:5: /a: JSON has no number -.INF: quote it if it is a text" },
		{ "a: .nan", "f.yaml:1:4: /a: JSON has no number .nan: quote it if it is a text" },
		{ "[.inF, -.nan]", "[\".inF\",\"-.nan\"]" },
		{ "a: 1e999", "f.yaml:1:4: /a: a number that is too large" },
	};

	(void)state;
	check("f.yaml", readings, COUNT(readings));
}

static void test_yamlread__honours_tags_of_the_core_schema(void **state)
{
	static const char other[] = "is not known here, or not of such a value: expected !!str, "
				    "!!int, !!float, !!bool, !!null, !!map or !!seq";
	static const struct reading readings[] = {
		{ "[!!str 1, !!str true, !!str , !!int '7', !!float 1, !!bool 'true', !!null '']",
		  "[\"1\",\"true\",\"\",7,1.0,true,null]" },
		{ "[!!map {a: 1}, !!seq [1], !<tag:yaml.org,2002:str> 1]",
		  "[{\"a\":1},[1],\"1\"]" },
		{ "%TAG !y! tag:yaml.org,2002:\n---\n!y!str 1", "\"1\"" },
	};
	static const struct reading faults[] = {
		{ "a: !!int x", "f.yaml:1:4: /a: the tag \"tag:yaml.org,2002:int\" " },
		{ "- !!bool 1", "f.yaml:1:3: the tag \"tag:yaml.org,2002:bool\" " },
		{ "- !!binary aGk=", "f.yaml:1:3: the tag \"tag:yaml.org,2002:binary\" " },
		{ "- !Ref x", "f.yaml:1:3: the tag \"!Ref\" " },
		{ "- !!set {a}", "f.yaml:1:3: the tag \"tag:yaml.org,2002:set\" " },
		{ "- !!map [a]", "f.yaml:1:3: the tag \"tag:yaml.org,2002:map\" " },
		{ "!x k: 1", "f.yaml:1:1: the tag \"!x\" " },
	};

	(void)state;
	check("f.yaml", readings, COUNT(readings));
	for (size_t i = 0; i < COUNT(faults); i++) {
		char *line = outcome("f.yaml", faults[i].text, strlen(faults[i].text));
		size_t len = strlen(faults[i].is);

		assert_memory_equal(line, faults[i].is, len);
		assert_string_equal(line + len, other);
		free(line);
	}
}

static void test_yamlread__takes_scalars_as_keys(void **state)
{
	static const struct reading readings[] = {
		{ "200: a\ntrue: b\nnull: c\n1.50: d\n~: e\n'': f",
		  ("{\"200\":\"a\",\"true\":\"b\",\"null\":\"c\",\"1.50\":\"d\",\"~\":\"e\",\"\":"
		   "\"f\"}") },
		{ "? a\n: 1\n? b\n", "{\"a\":1,\"b\":null}" },
		{ "k: &a x\n*a : 1", "{\"k\":\"x\",\"x\":1}" },
		{ "&a k: *a", "{\"k\":\"k\"}" },
		{ "{a, b: 1}", "{\"a\":null,\"b\":1}" },
		{ "? [a]\n: 1", "f.yaml:1:3: a key must be a text, as in JSON" },
		{ "a:\n  {b: 1}: 2", "f.yaml:2:3: /a: a key must be a text, as in JSON" },
		{ "k: &a 1\n*a : 1", "f.yaml:2:1: a key must be a text, as in JSON" },
		{ "\"a\\0\": 1", "f.yaml:1:1: the name of a member has U+0000 in it" },
		{ "a: 1\nb: 2\na: 3", "f.yaml:3:1: /a: occurs twice, first at 1:1" },
		{ "x:\n  1: a\n  '1': b", "f.yaml:3:3: /x/1: occurs twice, first at 2:3" },
	};

	(void)state;
	check("f.yaml", readings, COUNT(readings));
}

static void test_yamlread__copies_what_an_alias_names(void **state)
{
	static const struct reading readings[] = {
		{ "a: &x {b: [1, 2.5]}\nc: *x\nd: *x",
		  "{\"a\":{\"b\":[1,2.5]},\"c\":{\"b\":[1,2.5]},\"d\":{\"b\":[1,2.5]}}" },
		{ "[&x 1, *x, &x 2, *x, &y [*x, &x 3], *x, *y]", "[1,1,2,2,[2,3],3,[2,3]]" },
		{ "a: &x\nb: *x", "{\"a\":null,\"b\":null}" },
		{ "a: *x", "f.yaml:1:4: /a: there is no anchor \"x\" before it (a text that begins "
			   "with * has to be quoted)" },
		{ "a: &x\n  b: *x",
		  "f.yaml:2:6: /a/b: the alias \"x\" is inside of the value that it names" },
		{ "&x [*x]", "f.yaml:1:5: the alias \"x\" is inside of the value that it names" },
		{ "&a [&b [*a]]",
		  "f.yaml:1:9: /0: the alias \"a\" is inside of the value that it names" },
	};
	struct config *root = NULL;
	struct diag diag;
	const struct config *copy;
	char pointer[64];

	(void)state;
	check("f.yaml", readings, COUNT(readings));
	assert_int_equal(
		config_parse("f.yaml", readings[0].text, strlen(readings[0].text), &root, &diag),
		0);
	copy = config_at(root, "/c/b/1");
	assert_ptr_not_equal(copy, config_at(root, "/a/b/1"));
	assert_string_equal(config_pointer(copy, NULL, pointer, sizeof(pointer)), "/c/b/1");
	assert_int_equal(copy->line, 1); /* where it is written */
	assert_int_equal(copy->column, 15);
	assert_int_equal(config_at(root, "/c")->line, 2);
	config_free(root);
}

static void test_yamlread__merges(void **state)
{
	static const struct reading readings[] = {
		{ "b: &b {x: 1, y: {z: 2}}\nc:\n  <<: *b\n  x: 3",
		  "{\"b\":{\"x\":1,\"y\":{\"z\":2}},\"c\":{\"x\":3,\"y\":{\"z\":2}}}" },
		{ "- &a {x: 1}\n- &b {x: 2, y: 2}\n- {<<: [*a, *b], z: 3}",
		  "[{\"x\":1},{\"x\":2,\"y\":2},{\"z\":3,\"x\":1,\"y\":2}]" },
		{ "<<: {a: 1}\nb: 2", "{\"b\":2,\"a\":1}" },
		{ "!!merge <<: {a: 1}", "{\"a\":1}" },
		{ "'<<': {a: 1}", "{\"<<\":{\"a\":1}}" },
		{ "- &a {<<: {x: 1}, y: 2}\n- <<: *a", "[{\"y\":2,\"x\":1},{\"y\":2,\"x\":1}]" },
		{ "a:\n  <<: 1",
		  "f.yaml:2:3: /a: expected a mapping, or a list of mappings, to merge" },
		{ "<<: [{}, 1]",
		  "f.yaml:1:1: expected a mapping, or a list of mappings, to merge" },
		{ "<<: {}\n<<: {}", "f.yaml:2:1: a second merge key: expected one, with a list" },
	};
	char text[CONFIGBUILD_MERGE_MAX * 16] = "<<: {";
	size_t used = strlen(text);
	char *line;

	(void)state;
	check("f.yaml", readings, COUNT(readings));
	for (unsigned i = 0; i < CONFIGBUILD_MERGE_MAX + 1; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "k%u: 1, ", i);
	text[used++] = '}';
	line = outcome("f.yaml", text, used);
	assert_string_equal(line, "f.yaml:1:1: more than 128 members with a merge key");
	free(line);
}

/* ---- what is refused --------------------------------------------------------------------- */

static void test_yamlread__says_what_is_wrong(void **state)
{
	static const struct reading readings[] = {
		{ "a: 1\n\tb: 2", ("f.yaml:2:1: /a: not YAML: found a tab character that violates "
				   "indentation (a tab: "
				   "indent with spaces)") },
		{ "a: b: c",
		  ("f.yaml:1:5: not YAML: mapping values are not allowed in this context (a "
		   "text with \": \" in it has to be quoted, or the indentation is wrong)") },
		{ "\u00e9: {orderId}/status",
		  ("f.yaml:1:13: not YAML: did not find expected key (a text that begins "
		   "with { or [ has to be quoted)") },
		{ "- {a}/{b}",
		  ("f.yaml:1:6: not YAML: did not find expected '-' indicator (a text that begins "
		   "with { or [ has to be quoted)") },
		{ "a: @b",
		  ("f.yaml:1:4: /a: not YAML: found character that cannot start any token (a text "
		   "that begins with it has to be quoted)") },
		{ "\"\\ud83d\\ude00\": 1", ("f.yaml:1:4: not YAML: found invalid Unicode character "
					    "escape code (for what JSON "
					    "writes as \\ud83d\\ude00 write \\U0001f600)") },
		{ "a: 1\n---\nb: 2", "f.yaml:2:1: a second document begins here: expected one" },
		{ "a: \x01", "f.yaml:1:4: not YAML: the control character U+0001 is not allowed" },
		{ "a: \xff", "f.yaml:1:4: not YAML: not UTF-8" },
		{ "\u00e9: \xc3", "f.yaml:1:4: not YAML: not UTF-8" },
		{ "a: 'x", "f.yaml:1:6: /a: not YAML: found unexpected end of stream" },
		{ "%YAML 3.0\n---\n", "f.yaml:1:1: not YAML: found incompatible YAML document" },
		{ "\xff\xfe"
		  "a\0",
		  "f.yaml:1:1: is UTF-16: save it as UTF-8" },
	};
	static const char *const utf16[] = { "\0a\0:\0 \0b", "a\0:\0 \0b\0", "\0{\0\"\0a\0\"",
					     "{\0\"\0a\0\"\0" };
	char *line = outcome("f.yaml", "a: x\0y", 6);

	(void)state;
	for (size_t i = 0; i < COUNT(utf16); i++) {
		char *said = outcome(i < 2 ? "f.yaml" : "f.json", utf16[i], 8);

		assert_non_null(strstr(said, ":1:1: looks like UTF-16: save it as UTF-8"));
		free(said);
	}
	assert_string_equal(line, "f.yaml:1:5: not YAML: a NUL: is it text, in UTF-8?");
	free(line);
	check("f.yaml", readings, COUNT(readings));
}

/* Nine lists, each of nine of the list before: a file of some bytes and a billion values. */
static void test_yamlread__bounds_what_aliases_add(void **state)
{
	char text[1024] = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
	size_t used = strlen(text);
	char *line;

	(void)state;
	for (int i = 1; i < 10; i++) {
		used += (size_t)snprintf(text + used, sizeof(text) - used, "a%d: &a%d [", i, i);
		for (int k = 0; k < 9; k++)
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s*a%d",
						 k ? "," : "", i - 1);
		used += (size_t)snprintf(text + used, sizeof(text) - used, "]\n");
	}
	line = outcome("f.yaml", text, used);
	assert_non_null(strstr(line, "aliases and merge keys add more than 65"));
	assert_memory_equal(line, "f.yaml:5:", 9);
	free(line);
}

/* One long text, again and again: as a name, as a value, below a value and by a merge key. */
static void test_yamlread__bounds_the_text_that_aliases_repeat(void **state)
{
	static const char *const again[] = { "- {*x : 1}\n", "- *x\n", "- *y\n", "- {<<: *z}\n" };
	enum { LONG = 65536, TIMES = 1000 };
	char *text = malloc(2 * LONG + 16 * TIMES + 64), *line;

	(void)state;
	assert_non_null(text);
	for (size_t k = 0; k < COUNT(again); k++) {
		size_t used = (size_t)sprintf(text, "- &x \"");

		memset(text + used, 'a', LONG);
		used += LONG;
		used += (size_t)sprintf(text + used, "\"\n- &y [*x]\n- &z {*x : 1}\n");
		for (int i = 0; i < TIMES; i++)
			used += (size_t)sprintf(text + used, "%s", again[k]);
		line = outcome("f.yaml", text, used);
		assert_non_null(strstr(line, "aliases and merge keys add more than 1"));
		free(line);
	}
	free(text);
}

/* libyaml compares each with all before it: 100,000 took minutes. */
static void test_yamlread__bounds_directives(void **state)
{
	static const char *const ends[] = { "\n", "\r", "\xc2\x85", "\xe2\x80\xa8",
					    "\xe2\x80\xa9" };
	char text[100 * 40], *line;

	(void)state;
	for (size_t k = 0; k < COUNT(ends); k++) {
		size_t used = 0;

		for (unsigned i = 0; i <= YAMLREAD_DIRECTIVES_MAX; i++)
			used += (size_t)sprintf(text + used, "%%TAG !e%u! tag:example.org,2000:%s",
						i, ends[k]);
		line = outcome("f.yaml", text, used);
		assert_non_null(
			strstr(line, "more than 64 lines that begin with %, as a directive"));
		free(line);
	}
	line = outcome("f.yaml", "a: '%'\n", 7);
	assert_string_equal(line, "{\"a\":\"%\"}");
	free(line);
}

static void test_yamlread__bounds_levels_and_anchors(void **state)
{
	size_t cap = (size_t)YAMLREAD_ANCHORS_MAX * 12, used = 0;
	char *text = malloc(cap);
	char *line;

	(void)state;
	assert_non_null(text);
	for (unsigned i = 0; i <= YAMLREAD_ANCHORS_MAX; i++)
		used += (size_t)snprintf(text + used, cap - used, "- &a%x\n", i);
	line = outcome("f.yaml", text, used);
	assert_string_equal(line, "f.yaml:65537:3: more than 65536 anchors");
	free(line);
	memset(text, '[', 2 * CONFIG_DEPTH_MAX);
	line = outcome("f.yaml", text, CONFIG_DEPTH_MAX + 1);
	assert_non_null(strstr(line, "f.yaml:1:513: /0/0/0"));
	assert_non_null(strstr(line, ": more than 512 levels"));
	free(line);
	/* An alias that leads deeper than its text. */
	memset(text, '[', 300);
	memset(text + 300, ']', 300);
	used = 600;
	memmove(text + 4, text, used);
	memcpy(text, "- &a", 4);
	text[4 + used] = '\n';
	used += 5;
	text[used++] = '-';
	text[used++] = ' ';
	memset(text + used, '[', 300);
	memcpy(text + used + 300, "*a", 2);
	memset(text + used + 302, ']', 300);
	memmove(text + 5, text + 4, used + 602 - 4);
	text[4] = ' ';
	line = outcome("f.yaml", text, used + 603);
	assert_non_null(strstr(line, ": more than 512 levels"));
	free(line);
	free(text);
}

/* libyaml's time for a value grows with the levels of [ ] around it: ten million bytes took 43 s.
 */
static void test_yamlread__bounds_values_in_many_levels(void **state)
{
	enum { LEVELS = 510, VALUES = YAMLREAD_FLOW_MAX / LEVELS };
	char *text = malloc(LEVELS + 2 * VALUES), *line;

	(void)state;
	assert_non_null(text);
	memset(text, '[', LEVELS);
	for (size_t i = 0; i < VALUES; i++)
		memcpy(text + LEVELS + 2 * i, "1,", 2);
	line = outcome("f.yaml", text, LEVELS + 2 * VALUES);
	assert_non_null(strstr(line, ": too many values in too many levels of [ ] and { }"));
	free(line);
	free(text);
}

/* ---- which reader ------------------------------------------------------------------------ */

static void test_config_parse__picks_the_reader(void **state)
{
	static const char pair[] = "{\"a\": \"\\ud83d\\ude00\"}",
			  after[] = "{\"a\":\"\U0001F600\"}";
	static const struct reading readings[] = { { pair, after } };
	char key[3000] = "{\"";
	char *line;

	(void)state;
	check("f.json", readings, 1);
	check("f.yaml", readings, 1);
	check("f.YML", readings, 1);
	check("f", readings, 1);
	memset(key + 2, 'k', 2000);
	memcpy(key + 2002, "\":1}", 4);
	line = outcome("f.yaml", key, 2006);
	assert_int_equal(strlen(line), 2006);
	free(line);
	check("f", &(struct reading){ "a: 1", "{\"a\":1}" }, 1);
	check("f.conf",
	      &(struct reading){ "{a: 1}", "f.conf:1:2: not JSON: string or '}' expected "
					   "near 'a'" },
	      1);
	check("f.yaml", &(struct reading){ "{a: 1}", "{\"a\":1}" }, 1);
	check("f.yaml",
	      &(struct reading){ "{\"a\":1,\"a\":2}",
				 "f.yaml:1:8: /a: occurs twice, first at 1:2" },
	      1);
	check("f.json",
	      &(struct reading){ "a: 1",
				 "f.json:1:1: not JSON: invalid token near 'a' (is it YAML? "
				 "then its name has to end in .yaml)" },
	      1);
	check("f.json",
	      &(struct reading){ "\xef\xbb\xbf"
				 "[1]",
				 "[1]" },
	      1);
}

/* ---- JSON -------------------------------------------------------------------------------- */

/* Jansson is the measure. */
static void test_jsonread__agrees_with_jansson(void **state)
{
	static const char *const texts[] = {
		"{}",
		"[]",
		" [ 1 , 2 ] ",
		"\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\\u0000\"",
		"[0,-0,1,-1,10,1.5,-1.5e3,1E+2,1e-2,0.1,123456789012345678]",
		"{\"a\":{\"b\":[true,false,null]},\"\":1}",
		"true",
		"",
		" ",
		"[",
		"[1",
		"[1,",
		"[1,]",
		"[,1]",
		"{\"a\"}",
		"{\"a\":}",
		"{\"a\":1,}",
		"{a:1}",
		"{\"a\":1 \"b\":2}",
		"[1] 2",
		"[01]",
		"[-]",
		"[+1]",
		"[.5]",
		"[1.]",
		"[1e]",
		"[1e+]",
		"[0x1]",
		"[NaN]",
		"[truE]",
		"[tru",
		"[\"a",
		"[\"a\\",
		"[\"a\\\"",
		"[\"\\x\"]",
		"[\"\\u12\"]",
		"[\"\\u12g4\"]",
		"[\"\\ud83d\"]",
		"[\"\\ud83d\\n\"]",
		"[\"\\ud83d\\u0041\"]",
		"[\"\\ude00\"]",
		"[\"\n\"]",
		"[\"\t\"]",
		"[\"\x7f\"]",
		"[\"\xc3\xa9\"]",
		"[\"\xc3\"]",
		"[\"\xed\xa0\x80\"]",
		"[\"\xff\"]",
		"[\"\\\xff\"]",
		"\x0c[]",
		"[1]\x0b",
		"// x\n[]",
		"{\"a\\u0000\":1}",
		"1e999",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		json_t *json = json_loads(texts[i], JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL), *own;
		struct config *root = NULL;
		/* In a block of its own length, so that reading past its end is found. */
		size_t len = strlen(texts[i]);
		char *copy = malloc(len + !len);

		assert_non_null(copy);
		memcpy(copy, texts[i], len);
		if ((config_parse_json("f", copy, len, &root, NULL) == 0) != (json != NULL))
			fail_msg("%s: Jansson %s it", texts[i], json ? "takes" : "refuses");
		own = root ? config_json(root) : NULL;
		if (own && !json_equal(own, json))
			fail_msg("%s: is read as another value", texts[i]);
		json_decref(own);
		json_decref(json);
		config_free(root);
		free(copy);
	}
}

static void test_jsonread__knows_places(void **state)
{
	static const char text[] = "{\n  \"a\": [1,\r\n \"\u00e9\", {\"b\" : 2}],\n\t\"c\":3}";
	static const struct {
		const char *pointer;
		uint32_t line, column;
	} places[] = { { "", 1, 1 },     { "/a", 2, 3 },     { "/a/0", 2, 9 }, { "/a/1", 3, 2 },
		       { "/a/2", 3, 7 }, { "/a/2/b", 3, 8 }, { "/c", 4, 2 } };
	struct config *root = NULL, *message = NULL;

	(void)state;
	assert_int_equal(config_parse("f.json", text, strlen(text), &root, NULL), 0);
	assert_int_equal(config_parse_message("f", text, strlen(text), &message, NULL), 0);
	for (size_t i = 0; i < COUNT(places); i++) {
		const struct config *at = config_at(root, places[i].pointer);

		assert_int_equal(at->line, places[i].line);
		assert_int_equal(at->column, places[i].column);
		assert_int_equal(config_at(message, places[i].pointer)->line, 0);
	}
	config_free(root);
	config_free(message);
}

static void test_jsonread__says_what_is_wrong(void **state)
{
	static const struct reading readings[] = {
		{ "{\"a\":1,\n\"a\":2}", "f.json:2:1: /a: occurs twice, first at 1:2" },
		{ "[1e999]", "f.json:1:2: a number that is too large" },
		{ "{\"a\":1e999}", "f.json:1:6: /a: a number that is too large" },
		{ "{\"b\":\n[1,}", "f.json:2:4: not JSON: unexpected token near '}'" },
		{ "[18446744073709551615]", "[1.8446744073709552e19]" },
	};
	char text[4096] = "{";
	size_t used = 1;
	char *line;

	(void)state;
	check("f.json", readings, COUNT(readings));
	for (unsigned i = 0; i < 100; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "\"k%u\":0,", i);
	used += (size_t)snprintf(text + used, sizeof(text) - used, "\n\"k77\":1}");
	line = outcome("f.json", text, used);
	assert_non_null(strstr(line, "f.json:2:1: /k77: occurs twice, first at 1:"));
	free(line);
}

/* ---- what is written --------------------------------------------------------------------- */

static void round_trip(const char *text, int (*write)(const struct config *root, FILE *file),
		       const char *name)
{
	struct config *root = NULL, *again = NULL;
	json_t *before, *after;
	struct diag diag;
	char *made = NULL;
	size_t len = 0;
	FILE *file = open_memstream(&made, &len);

	assert_int_equal(config_parse("f.json", text, strlen(text), &root, &diag), 0);
	assert_int_equal(write(root, file), 0);
	assert_int_equal(fclose(file), 0);
	if (config_parse(name, made, len, &again, &diag))
		fail_msg("%s\n%s\n%s", text, made, diag.text);
	before = config_json(root);
	after = config_json(again);
	if (!json_equal(before, after))
		fail_msg("%s\nis written as\n%s", text, made);
	json_decref(before);
	json_decref(after);
	config_free(root);
	config_free(again);
	free(made);
}

static void test_configwrite__reads_back_as_the_same(void **state)
{
	static const char *const texts[] = {
		"null",
		"\"\"",
		"{}",
		"[[],{},[{}]]",
		"[true,false,null,0,-1,9223372036854775807,-9223372036854775808]",
		"[0.0,-0.0,1.0,0.1,1e20,1e-7,1.7976931348623157e308,5e-324,123456789.25]",
		"[\"true\",\"no\",\"On\",\"~\",\"null\",\"1\",\"1_000\",\"0x1\",\"0o7\",\"1e3\",\"."
		"5\"]",
		"[\".inf\",\"-.INF\",\".nan\",\"2024-01-31\",\"12:30\",\"=\",\"<<\",\"-\",\"?\"]",
		"[\"{a}/b\",\"[a]\",\"a: b\",\"a "
		"#b\",\"#a\",\"*a\",\"&a\",\"!a\",\"@a\",\"`a\",\"%a\"]",
		"[\" a\",\"a \",\"\\t\",\"\\ta\",\"a\\t\",\"'a'\",\"\\\"a\\\"\",\"a:\",\":a\",\"- "
		"a\",\"---\",\"...\"]",
		"[\"a\\nb\",\"a\\nb\\n\",\"a\\nb\\n\\n\",\"\\na\",\" a\\nb\",\"a "
		"\\nb\",\"\\n\",\"a\\n b\",\"a\\n\\n b\"]",
		"[\"a\\r\\nb\",\"a\\rb\",\"a\\u0000b\",\"a\\u007f\",\"\\u0085\",\"\\u2028a\","
		"\"\\ufeffa\",\"\\ufffe\"]",
		"[\"\\u00e9\\ud83d\\ude00\",\"# a\\n- b\",\"--- a\\nb\",\"a\\n--- "
		"b\\n\",\"a\\n...\\n\"]",
		"{\"true\":1,\"\":2,\"200\":3,\"a b\":4,\"a\\nb\":5,\"<<\":{\"x\":1},\"? "
		"a\":6,\"{\":7}",
		"{\"a\":[{\"b\":[1,[2,[3]]],\"c\":{}},\"x\"],\"d\":{\"e\":{\"f\":\"g\\nh\\n\"}}}",
	};
	char key[3000] = "{\"";

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		round_trip(texts[i], configwrite_yaml, "f.yaml");
		round_trip(texts[i], configwrite_json, "f.json");
	}
	memset(key + 2, 'k', 2000);
	memcpy(key + 2002, "\":1}", 5);
	round_trip(key, configwrite_yaml, "f.yaml");
}

/* Comments that a tree has, and those of the file that it was. */
static void test_configwrite_yaml_notes__writes_comments(void **state)
{
	static const char text[] = "# head\n"
				   "a: 'x # y' # first\n"
				   "'b # c': {d: \"\\\" # e\", f: [1]} # second\n"
				   "  # above\n"
				   "g: h'i # third\n";
	static const char yaml[] = "# head\n"
				   "# new\n"
				   "# lines\n"
				   "a: 'x # y' # first\n"
				   "'b # c': # own ? word\n"
				   "  d: '\" # e'\n"
				   "  f:\n"
				   "  - 1\n"
				   "# above\n"
				   "g: h'i # third\n";
	struct config *root = NULL, *tree;
	struct arena arena = { .piece = NULL };
	struct drafts drafts = { .arena = &arena };
	struct draft *draft;
	char *made = NULL;
	size_t len = 0;
	FILE *file = open_memstream(&made, &len);
	struct configwrite_old old;

	(void)state;
	assert_int_equal(config_parse("f.yaml", text, strlen(text), &root, NULL), 0);
	old = (struct configwrite_old){ root, text, strlen(text) };
	draft = draft_alias(&drafts, root);
	draft_put(&drafts, draft, CONFIGWRITE_NOTE "b # c", draft_string(&drafts, "own \n word"));
	draft_put(&drafts, draft, CONFIGWRITE_NOTE CONFIGWRITE_NOTE "a",
		  draft_string(&drafts, "new\nlines"));
	tree = draft_freeze(&drafts, draft, &arena, "f");
	assert_non_null(tree);
	assert_int_equal(configwrite_yaml_notes(tree, &old, file), 0);
	(void)fclose(file);
	assert_string_equal(made, yaml);
	free(made);
	arena_clear(&arena);
	config_free(root);
}

static void test_configwrite_yaml__reads_well(void **state)
{
	static const char text[] =
		"{\"asyncapi\":\"3.0.0\",\"info\":{\"version\":\"1.0\",\"description\":\"Two\\n  "
		"lines.\\n\"},\"channels\":{\"a\":{\"address\":\"{id}/x\",\"list\":[1,{\"b\":"
		"\"no\"}]}}}";
	static const char yaml[] = "asyncapi: 3.0.0\n"
				   "info:\n"
				   "  version: '1.0'\n"
				   "  description: |\n"
				   "    Two\n"
				   "      lines.\n"
				   "channels:\n"
				   "  a:\n"
				   "    address: '{id}/x'\n"
				   "    list:\n"
				   "    - 1\n"
				   "    - b: 'no'\n";
	struct config *root = NULL;
	char *made = NULL;
	size_t len = 0;
	FILE *file = open_memstream(&made, &len), *full;

	(void)state;
	assert_int_equal(config_parse("f.json", text, strlen(text), &root, NULL), 0);
	assert_int_equal(configwrite_yaml(root, file), 0);
	assert_int_equal(fclose(file), 0);
	assert_string_equal(made, yaml);
	free(made);
	full = fopen("/dev/full", "w");
	assert_non_null(full);
	(void)setvbuf(full, NULL, _IONBF, 0);
	assert_int_equal(configwrite_yaml(root, full), ERR_IO);
	assert_int_equal(configwrite_json(root, full), ERR_IO);
	(void)fclose(full); /* it failed already */
	config_free(root);
}

/* ---- what loaders say ------------------------------------------------------------------- */

/* {orderId} is a mapping of one key. */
static void test_config_expect__knows_braces_without_quotes(void **state)
{
	static const struct reading readings[] = {
		{ "{orderId}", "f.yaml:1:1: expected a string; in YAML a text that begins with { "
			       "has to be quoted" },
		{ "{a: 1}", "f.yaml:1:1: expected a string" },
		{ "{}", "f.yaml:1:1: expected a string" },
		{ "1.0", "f.yaml:1:1: expected a string" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(readings); i++) {
		struct config *root = NULL;
		struct diag diag;
		struct config_report report = { .diag = &diag };

		assert_int_equal(config_parse("f.yaml", readings[i].text, strlen(readings[i].text),
					      &root, &diag),
				 0);
		assert_false(config_expect(&report, root, CONFIG_STRING));
		assert_string_equal(diag.text, readings[i].is);
		config_free(root);
	}
}

/* ---- memory ------------------------------------------------------------------------------ */

static void test_config_parse__survives_failing_allocations(void **state)
{
	static const char text[] =
		"a: &a {b: [1, 2.5, x], c: \"d\\0\"}\ne: *a\nf: {<<: *a, g: 0x1}";
	struct diag diag;

	(void)state;
	for (size_t n = 1;; n++) {
		struct config *root = NULL;
		int rc;

		failalloc_start(n);
		rc = config_parse("f.yaml", text, strlen(text), &root, &diag);
		if (!failalloc_stop()) {
			assert_int_equal(rc, 0);
			config_free(root);
			assert_true(n > 5);
			break;
		}
		assert_int_equal(rc, ERR_NOMEM);
		assert_string_equal(diag.text, "out of memory");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_yamlread__knows_the_core_schema),
		cmocka_unit_test(test_yamlread__honours_tags_of_the_core_schema),
		cmocka_unit_test(test_yamlread__takes_scalars_as_keys),
		cmocka_unit_test(test_yamlread__copies_what_an_alias_names),
		cmocka_unit_test(test_yamlread__merges),
		cmocka_unit_test(test_yamlread__says_what_is_wrong),
		cmocka_unit_test(test_yamlread__bounds_what_aliases_add),
		cmocka_unit_test(test_yamlread__bounds_the_text_that_aliases_repeat),
		cmocka_unit_test(test_yamlread__bounds_directives),
		cmocka_unit_test(test_yamlread__bounds_levels_and_anchors),
		cmocka_unit_test(test_yamlread__bounds_values_in_many_levels),
		cmocka_unit_test(test_config_parse__picks_the_reader),
		cmocka_unit_test(test_jsonread__agrees_with_jansson),
		cmocka_unit_test(test_jsonread__knows_places),
		cmocka_unit_test(test_jsonread__says_what_is_wrong),
		cmocka_unit_test(test_configwrite__reads_back_as_the_same),
		cmocka_unit_test(test_configwrite_yaml_notes__writes_comments),
		cmocka_unit_test(test_configwrite_yaml__reads_well),
		cmocka_unit_test(test_config_expect__knows_braces_without_quotes),
		cmocka_unit_test(test_config_parse__survives_failing_allocations),
	};

	return cmocka_run_group_tests_name("yaml", tests, NULL, NULL);
}
