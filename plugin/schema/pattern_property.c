/*
 * The Unicode properties that ECMA-262 knows (tables "Non-binary Unicode property aliases",
 * "Binary Unicode property aliases", and PropertyValueAliases.txt for the categories), and what
 * PCRE2 calls them. Names must be exact here; PCRE2 itself would accept "greek" for "Greek".
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <string.h>

#include "schema/pattern_ecma.h"

struct alias {
	const char *name;
	const char *pcre2;
};

static const struct alias categories[] = {
	{ "Cased_Letter", "L&" },
	{ "LC", "L&" },
	{ "Close_Punctuation", "Pe" },
	{ "Connector_Punctuation", "Pc" },
	{ "Control", "Cc" },
	{ "cntrl", "Cc" },
	{ "Currency_Symbol", "Sc" },
	{ "Dash_Punctuation", "Pd" },
	{ "Decimal_Number", "Nd" },
	{ "digit", "Nd" },
	{ "Enclosing_Mark", "Me" },
	{ "Final_Punctuation", "Pf" },
	{ "Format", "Cf" },
	{ "Initial_Punctuation", "Pi" },
	{ "Letter", "L" },
	{ "Letter_Number", "Nl" },
	{ "Line_Separator", "Zl" },
	{ "Lowercase_Letter", "Ll" },
	{ "Mark", "M" },
	{ "Combining_Mark", "M" },
	{ "Math_Symbol", "Sm" },
	{ "Modifier_Letter", "Lm" },
	{ "Modifier_Symbol", "Sk" },
	{ "Nonspacing_Mark", "Mn" },
	{ "Number", "N" },
	{ "Open_Punctuation", "Ps" },
	{ "Other", "C" },
	{ "Other_Letter", "Lo" },
	{ "Other_Number", "No" },
	{ "Other_Punctuation", "Po" },
	{ "Other_Symbol", "So" },
	{ "Paragraph_Separator", "Zp" },
	{ "Private_Use", "Co" },
	{ "Punctuation", "P" },
	{ "punct", "P" },
	{ "Separator", "Z" },
	{ "Space_Separator", "Zs" },
	{ "Spacing_Mark", "Mc" },
	{ "Surrogate", "Cs" },
	{ "Symbol", "S" },
	{ "Titlecase_Letter", "Lt" },
	{ "Unassigned", "Cn" },
	{ "Uppercase_Letter", "Lu" },
};

/* PCRE2 knows both columns' names, but for Changes_When_NFKC_Casefolded, which it refuses. */
static const struct alias binaries[] = {
	{ "ASCII", "ASCII" },
	{ "ASCII_Hex_Digit", "AHex" },
	{ "Alphabetic", "Alpha" },
	{ "Any", "Any" },
	{ "Bidi_Control", "Bidi_C" },
	{ "Bidi_Mirrored", "Bidi_M" },
	{ "Case_Ignorable", "CI" },
	{ "Cased", "Cased" },
	{ "Changes_When_Casefolded", "CWCF" },
	{ "Changes_When_Casemapped", "CWCM" },
	{ "Changes_When_Lowercased", "CWL" },
	{ "Changes_When_NFKC_Casefolded", "CWKCF" },
	{ "Changes_When_Titlecased", "CWT" },
	{ "Changes_When_Uppercased", "CWU" },
	{ "Dash", "Dash" },
	{ "Default_Ignorable_Code_Point", "DI" },
	{ "Deprecated", "Dep" },
	{ "Diacritic", "Dia" },
	{ "Emoji", "Emoji" },
	{ "Emoji_Component", "EComp" },
	{ "Emoji_Modifier", "EMod" },
	{ "Emoji_Modifier_Base", "EBase" },
	{ "Emoji_Presentation", "EPres" },
	{ "Extended_Pictographic", "ExtPict" },
	{ "Extender", "Ext" },
	{ "Grapheme_Base", "Gr_Base" },
	{ "Grapheme_Extend", "Gr_Ext" },
	{ "Hex_Digit", "Hex" },
	{ "IDS_Binary_Operator", "IDSB" },
	{ "IDS_Trinary_Operator", "IDST" },
	{ "ID_Continue", "IDC" },
	{ "ID_Start", "IDS" },
	{ "Ideographic", "Ideo" },
	{ "Join_Control", "Join_C" },
	{ "Logical_Order_Exception", "LOE" },
	{ "Lowercase", "Lower" },
	{ "Math", "Math" },
	{ "Noncharacter_Code_Point", "NChar" },
	{ "Pattern_Syntax", "Pat_Syn" },
	{ "Pattern_White_Space", "Pat_WS" },
	{ "Quotation_Mark", "QMark" },
	{ "Radical", "Radical" },
	{ "Regional_Indicator", "RI" },
	{ "Sentence_Terminal", "STerm" },
	{ "Soft_Dotted", "SD" },
	{ "Terminal_Punctuation", "Term" },
	{ "Unified_Ideograph", "UIdeo" },
	{ "Uppercase", "Upper" },
	{ "Variation_Selector", "VS" },
	{ "White_Space", "space" },
	{ "XID_Continue", "XIDC" },
	{ "XID_Start", "XIDS" },
};

static bool equals(const char *text, size_t len, const char *word)
{
	return strlen(word) == len && memcmp(text, word, len) == 0;
}

/*
 * What PCRE2 calls the property, by its long name or by the short one, which is PCRE2's but for
 * "L&", which ECMA-262 has as "LC".
 */
static const char *find(const struct alias *aliases, size_t count, const char *name, size_t len)
{
	for (size_t i = 0; i < count; i++)
		if (equals(name, len, aliases[i].name) ||
		    (equals(name, len, aliases[i].pcre2) && name[len - 1] != '&'))
			return aliases[i].pcre2;
	return NULL;
}

static const char *category(const char *name, size_t len)
{
	return find(categories, sizeof(categories) / sizeof(categories[0]), name, len);
}

static const char *binary(const char *name, size_t len)
{
	return find(binaries, sizeof(binaries) / sizeof(binaries[0]), name, len);
}

/* "Old_Italic", "Ital": the form is ours, whether there is such a script PCRE2 knows. */
static bool is_script(const char *name, size_t len)
{
	char source[64];
	PCRE2_SIZE offset;
	pcre2_code *code;
	int error, n;

	if (len == 0 || name[0] < 'A' || name[0] > 'Z')
		return false;
	for (size_t i = 0; i < len; i++)
		if (name[i] != '_' && ((name[i] | 0x20) < 'a' || (name[i] | 0x20) > 'z'))
			return false;
	n = snprintf(source, sizeof(source), "\\p{sc:%.*s}", (int)len, name);
	if (n < 0 || (size_t)n >= sizeof(source))
		return false;
	code = pcre2_compile((PCRE2_SPTR)source, (size_t)n, PCRE2_UTF, &error, &offset, NULL);
	pcre2_code_free(code);
	return code != NULL;
}

/* "Name=Value"; @value is the place behind the equals sign. */
static bool valued(const char *name, size_t name_len, const char *value, size_t len, char *ret,
		   size_t cap)
{
	const char *found;
	bool is_extended =
		equals(name, name_len, "Script_Extensions") || equals(name, name_len, "scx");

	if (equals(name, name_len, "General_Category") || equals(name, name_len, "gc")) {
		found = category(value, len);
		return found && snprintf(ret, cap, "%s", found) > 0;
	}
	if (!is_extended && !equals(name, name_len, "Script") && !equals(name, name_len, "sc"))
		return false;
	return len + 5 <= cap && is_script(value, len) &&
	       snprintf(ret, cap, "%s:%.*s", is_extended ? "scx" : "sc", (int)len, value) > 0;
}

bool ecma_property(const char *name, size_t len, char *ret, size_t cap, bool *is_inverse)
{
	const char *equal = len ? memchr(name, '=', len) : NULL;
	const char *found;

	*is_inverse = false;
	if (equal)
		return valued(name, (size_t)(equal - name), equal + 1,
			      len - (size_t)(equal - name) - 1, ret, cap);
	if (equals(name, len, "Assigned")) {
		*is_inverse = true;
		return snprintf(ret, cap, "Cn") > 0;
	}
	found = category(name, len);
	if (!found)
		found = binary(name, len);
	return found && snprintf(ret, cap, "%s", found) > 0;
}
