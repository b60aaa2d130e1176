// A document's fields as a JSON Schema (2020-12, as OpenAPI 3.1 has it): nothing but these fields, and all of them.
#pragma once

#include <string_view>

#include "proxy/admin/fields.h"
#include "proxy/admin/json_writer.h"

namespace sheaf {

// Adds the schema as a member of this name. Documents in it are references to #/components/schemas.
void AddSchema(std::string_view name, const DocumentRow& document, JsonWriter& json);

// {"$ref":"#/components/schemas/..."}, as a member of this name.
void AddReference(std::string_view name, const DocumentRow& document, JsonWriter& json);

// "enum": of "a|b|c".
void AddWords(std::string_view words, JsonWriter& json);

}  // namespace sheaf
