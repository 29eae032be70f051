// SPDX-License-Identifier: GPL-2.0
/*
 * A YAML document with the place of each key, for messages that name it.
 *
 * DESIGN
 * libcyaml fills structures by a schema but names the line of the token before
 * for what it refuses.  This walks libyaml's own document, whose nodes know
 * where they stand, by the very same schema, and so says exactly what libcyaml
 * would have refused and where.
 */
#include "io/yaml_place.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALLOWED_MAX 512 /* bytes of a list of keys */

struct walk {
	struct fth_yaml *yaml;
	char key[FTH_YAML_KEY_MAX];
};

static int write_error(struct fth_yaml *yaml, yaml_mark_t mark, const char *key,
		       const char *message)
{
	char *at;

	snprintf(yaml->error, yaml->error_size, "%s:%zu:%zu: %s%s%s%s", yaml->path, mark.line + 1,
		 mark.column + 1, key[0] ? "key '" : "", key, key[0] ? "': " : "", message);
	/* One line, whatever a key or value has in it. */
	for (at = yaml->error; *at; at++)
		if ((unsigned char)*at < ' ' || *at == 127)
			*at = '?';
	return -EINVAL;
}

__attribute__((format(printf, 4, 5))) static int refuse_at(struct fth_yaml *yaml, yaml_mark_t mark,
							   const char *key, const char *format, ...)
{
	char message[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	return write_error(yaml, mark, key, message);
}

/* Aliases and a second document are seen only in the stream of events. */
static int scan(struct fth_yaml *yaml, yaml_parser_t *parser)
{
	yaml_event_type_t type;
	yaml_event_t event;
	int documents = 0;
	int error = 0;

	do {
		if (!yaml_parser_parse(parser, &event))
			return refuse_at(yaml, parser->problem_mark, "", "not YAML: %s",
					 parser->problem ? parser->problem : "out of memory");
		type = event.type;
		if (type == YAML_DOCUMENT_START_EVENT && ++documents > 1)
			error = refuse_at(yaml, event.start_mark, "",
					  "found a second document, expected "
					  "one policy per file");
		else if (type == YAML_ALIAS_EVENT)
			error = refuse_at(yaml, event.start_mark, "",
					  "found alias '*%.*s', expected the "
					  "value itself",
					  FTH_YAML_SHOWN_MAX, (char *)event.data.alias.anchor);
		yaml_event_delete(&event);
	} while (!error && type != YAML_STREAM_END_EVENT);
	return error;
}

static int parse(struct fth_yaml *yaml, const char *text, size_t length, bool only_scan)
{
	yaml_parser_t parser;
	int error = 0;

	if (!yaml_parser_initialize(&parser))
		return refuse_at(yaml, (yaml_mark_t){ 0 }, "", "out of memory");
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
	if (only_scan)
		error = scan(yaml, &parser);
	else if (!yaml_parser_load(&parser, &yaml->document))
		error = refuse_at(yaml, parser.problem_mark, "", "not YAML: %s",
				  parser.problem ? parser.problem : "out of memory");
	yaml_parser_delete(&parser);
	return error;
}

int fth_yaml_open(const char *text, size_t length, const char *path, char *error, size_t error_size,
		  struct fth_yaml *ret_yaml)
{
	struct fth_yaml yaml = {
		.path = path,
		.error = error,
		.error_size = error_size,
	};
	int ret = parse(&yaml, text, length, true);

	if (!ret)
		ret = parse(&yaml, text, length, false);
	if (!ret)
		*ret_yaml = yaml;
	return ret;
}

void fth_yaml_close(struct fth_yaml *yaml)
{
	yaml_document_delete(&yaml->document);
}

static const char *scalar(const yaml_node_t *node)
{
	return (const char *)node->data.scalar.value;
}

static const char *kind_of(const yaml_node_t *node)
{
	switch (node->type) {
	case YAML_SCALAR_NODE:
		return node->data.scalar.length ? "a value" : "nothing";
	case YAML_SEQUENCE_NODE:
		return "a list";
	default:
		return "a mapping";
	}
}

static const cyaml_schema_field_t *find_field(const cyaml_schema_field_t *fields, const char *key)
{
	for (; fields->key; fields++)
		if (!strcmp(fields->key, key))
			return fields;
	return NULL;
}

static void list_keys(const cyaml_schema_field_t *fields, char *ret_text)
{
	size_t length = 0;

	ret_text[0] = 0;
	for (; fields->key && length < ALLOWED_MAX; fields++)
		length += (size_t)snprintf(ret_text + length, ALLOWED_MAX - length, "%s%s",
					   length ? ", " : "", fields->key);
}

/* The path grows by a key or an index; returns what to cut it back to. */
static size_t descend(struct walk *walk, const char *key, int index)
{
	size_t length = strlen(walk->key);

	if (key)
		snprintf(walk->key + length, sizeof(walk->key) - length, "%s%.*s",
			 length ? "." : "", FTH_YAML_SHOWN_MAX, key);
	else
		snprintf(walk->key + length, sizeof(walk->key) - length, "[%d]", index);
	return length;
}

static int check_node(struct walk *walk, yaml_node_t *node, const cyaml_schema_value_t *schema);

static int check_scalar(struct walk *walk, const yaml_node_t *node,
			const cyaml_schema_value_t *schema)
{
	if (node->type != YAML_SCALAR_NODE)
		return refuse_at(walk->yaml, node->start_mark, walk->key,
				 "found %s, expected a single value", kind_of(node));
	if (node->data.scalar.length > schema->string.max)
		return refuse_at(walk->yaml, node->start_mark, walk->key,
				 "found %zu bytes, expected at most %u", node->data.scalar.length,
				 schema->string.max);
	if (strlen(scalar(node)) != node->data.scalar.length)
		return refuse_at(walk->yaml, node->start_mark, walk->key,
				 "found a NUL byte, expected text");
	return 0;
}

static int check_sequence(struct walk *walk, const yaml_node_t *node,
			  const cyaml_schema_value_t *schema)
{
	yaml_document_t *document = &walk->yaml->document;
	const yaml_node_item_t *item;
	size_t count;
	size_t cut;
	int error = 0;

	if (node->type != YAML_SEQUENCE_NODE)
		return refuse_at(walk->yaml, node->start_mark, walk->key,
				 "found %s, expected a list such as [a, b]", kind_of(node));
	count = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
	if (count > schema->sequence.max)
		return refuse_at(walk->yaml, node->start_mark, walk->key,
				 "found %zu entries, expected at most %u", count,
				 schema->sequence.max);
	for (item = node->data.sequence.items.start; !error && item < node->data.sequence.items.top;
	     item++) {
		cut = descend(walk, NULL, (int)(item - node->data.sequence.items.start));
		error = check_node(walk, yaml_document_get_node(document, *item),
				   schema->sequence.entry);
		walk->key[cut] = 0;
	}
	return error;
}

/* Compares with all pairs before: a mapping has few keys, all of them known. */
static int check_twice(struct walk *walk, const yaml_node_t *node, const yaml_node_pair_t *pair)
{
	yaml_document_t *document = &walk->yaml->document;
	const yaml_node_t *key = yaml_document_get_node(document, pair->key);
	const yaml_node_pair_t *other;
	const yaml_node_t *first;

	for (other = node->data.mapping.pairs.start; other < pair; other++) {
		first = yaml_document_get_node(document, other->key);
		if (!strcmp(scalar(first), scalar(key)))
			return refuse_at(walk->yaml, key->start_mark, walk->key,
					 "found twice, first on line %zu, "
					 "expected once",
					 first->start_mark.line + 1);
	}
	return 0;
}

static int check_pair(struct walk *walk, const yaml_node_t *node, const yaml_node_pair_t *pair,
		      const cyaml_schema_field_t *fields)
{
	yaml_document_t *document = &walk->yaml->document;
	const yaml_node_t *key = yaml_document_get_node(document, pair->key);
	const cyaml_schema_field_t *field;
	char allowed[ALLOWED_MAX];
	size_t cut;
	int error;

	if (key->type != YAML_SCALAR_NODE)
		return refuse_at(walk->yaml, key->start_mark, walk->key,
				 "found %s as a key, expected a word", kind_of(key));
	cut = descend(walk, scalar(key), 0);
	field = find_field(fields, scalar(key));
	if (field) {
		error = check_twice(walk, node, pair);
		if (!error)
			error = check_node(walk, yaml_document_get_node(document, pair->value),
					   &field->value);
	} else {
		list_keys(fields, allowed);
		error = refuse_at(walk->yaml, key->start_mark, walk->key,
				  "unknown, expected one of: %s", allowed);
	}
	walk->key[cut] = 0;
	return error;
}

static bool has_key(struct walk *walk, const yaml_node_t *node, const char *name)
{
	yaml_document_t *document = &walk->yaml->document;
	const yaml_node_pair_t *pair;

	for (pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++)
		if (!strcmp(scalar(yaml_document_get_node(document, pair->key)), name))
			return true;
	return false;
}

static int check_mapping(struct walk *walk, const yaml_node_t *node,
			 const cyaml_schema_value_t *schema)
{
	const cyaml_schema_field_t *fields = schema->mapping.fields;
	const cyaml_schema_field_t *field;
	const yaml_node_pair_t *pair;
	char allowed[ALLOWED_MAX];
	int error = 0;

	list_keys(fields, allowed);
	if (node->type != YAML_MAPPING_NODE)
		return refuse_at(walk->yaml, node->start_mark, walk->key,
				 "found %s, expected a mapping with keys: %s", kind_of(node),
				 allowed);
	for (pair = node->data.mapping.pairs.start; !error && pair < node->data.mapping.pairs.top;
	     pair++)
		error = check_pair(walk, node, pair, fields);
	for (field = fields; !error && field->key; field++) {
		if ((field->value.flags & CYAML_FLAG_OPTIONAL) || has_key(walk, node, field->key))
			continue;
		descend(walk, field->key, 0);
		error = refuse_at(walk->yaml, node->start_mark, walk->key,
				  "missing, expected here: it has no default");
	}
	return error;
}

static int check_node(struct walk *walk, yaml_node_t *node, const cyaml_schema_value_t *schema)
{
	switch (schema->type) {
	case CYAML_MAPPING:
		return check_mapping(walk, node, schema);
	case CYAML_SEQUENCE:
		return check_sequence(walk, node, schema);
	default:
		return check_scalar(walk, node, schema);
	}
}

int fth_yaml_check(struct fth_yaml *yaml, const cyaml_schema_value_t *schema)
{
	yaml_node_t *root = yaml_document_get_root_node(&yaml->document);
	struct walk walk = { .yaml = yaml };

	if (!root)
		return refuse_at(yaml, (yaml_mark_t){ 0 }, "", "found nothing, expected a policy");
	return check_node(&walk, root, schema);
}

static yaml_node_t *child_of(struct fth_yaml *yaml, yaml_node_t *node, const char *part,
			     size_t length)
{
	const yaml_node_pair_t *pair;
	const yaml_node_t *key;
	size_t count;
	size_t index;

	if (part[0] == '[' && node->type == YAML_SEQUENCE_NODE) {
		index = strtoul(part + 1, NULL, 10);
		count = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
		return index < count
			       ? yaml_document_get_node(&yaml->document,
							node->data.sequence.items.start[index])
			       : NULL;
	}
	if (node->type != YAML_MAPPING_NODE)
		return NULL;
	for (pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++) {
		key = yaml_document_get_node(&yaml->document, pair->key);
		if (key->type == YAML_SCALAR_NODE && key->data.scalar.length == length &&
		    !memcmp(scalar(key), part, length))
			return yaml_document_get_node(&yaml->document, pair->value);
	}
	return NULL;
}

/* The node of @key, or the nearest above it; @ret_exact says which. */
static yaml_node_t *find_node(struct fth_yaml *yaml, const char *key, bool *ret_exact)
{
	yaml_node_t *node = yaml_document_get_root_node(&yaml->document);
	yaml_node_t *child;
	size_t length;

	while (*key) {
		length = strcspn(key + 1, ".[") + 1;
		child = child_of(yaml, node, key, length);
		if (!child)
			break;
		node = child;
		key += length;
		if (*key == '.')
			key++;
	}
	*ret_exact = !*key;
	return node;
}

bool fth_yaml_has(struct fth_yaml *yaml, const char *key)
{
	bool exact;

	find_node(yaml, key, &exact);
	return exact;
}

int fth_yaml_refuse(struct fth_yaml *yaml, const char *key, const char *format, ...)
{
	char message[1024];
	va_list args;
	bool exact;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	return write_error(yaml, find_node(yaml, key, &exact)->start_mark, key, message);
}

void fth_yaml_entry_key(const char *key, uint32_t index, char *ret_key)
{
	snprintf(ret_key, FTH_YAML_KEY_MAX, "%s[%u]", key, index);
}
