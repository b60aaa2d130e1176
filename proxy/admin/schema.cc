#include "proxy/admin/schema.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

namespace sheaf {
namespace {

// The paths of a document's fields as a tree.
struct Node {
  std::string_view name;
  bool is_list = false;
  bool is_optional = false;
  const FieldRow* field = nullptr;  // of a leaf
  std::vector<Node> members = {};

  bool is_any_name() const { return name.starts_with('<'); }
};

Node& MemberOf(Node& parent, std::string_view part) {
  const bool is_optional = part.ends_with('?');
  if (is_optional) part.remove_suffix(1);
  const bool is_list = part.ends_with("[]");
  if (is_list) part.remove_suffix(2);
  const auto has_name = [part](const Node& one) { return one.name == part; };
  auto found = std::find_if(parent.members.begin(), parent.members.end(), has_name);
  if (found == parent.members.end()) found = parent.members.insert(found, Node{.name = part, .is_list = is_list});
  found->is_optional = found->is_optional || is_optional;
  return *found;
}

Node TreeOf(const DocumentRow& document) {
  Node top;
  for (const FieldRow& field : document.fields) {
    Node* node = &top;
    for (std::string_view left = field.path; !left.empty();) {
      const size_t dot = std::min(left.find('.'), left.size());
      node = &MemberOf(*node, left.substr(0, dot));
      left.remove_prefix(std::min(dot + 1, left.size()));
    }
    if (node != &top) node->field = &field;
  }
  return top;
}

void AddLeaf(const FieldRow& field, JsonWriter& json) {
  constexpr std::string_view kType = "type";
  switch (field.type) {
    case FieldType::kText:
      return json.Add(kType, std::string_view("string"));
    case FieldType::kWord:
      json.Add(kType, std::string_view("string"));
      return AddWords(field.words, json);
    case FieldType::kCount:
      json.Add(kType, std::string_view("integer"));
      return json.Add("minimum", uint64_t{0});
    case FieldType::kNumber:
      return json.Add(kType, std::string_view("number"));
    case FieldType::kFlag:
      return json.Add(kType, std::string_view("boolean"));
    case FieldType::kDocument:
      return json.Add("$ref", "#/components/schemas/" + std::string(field.document->name));
    case FieldType::kAny:
      return;
  }
}

void AddDescription(const FieldRow& field, JsonWriter& json) {
  std::string text(field.unit);
  if (!text.empty() && !field.meaning.empty()) text.append(": ");
  text.append(field.meaning);
  if (!text.empty()) json.Add("description", text);
}

void AddNode(std::string_view name, const Node& node, JsonWriter& json);

void AddMembers(const Node& node, JsonWriter& json) {
  json.Add("type", std::string_view("object"));
  if (node.members.front().is_any_name()) return AddNode("additionalProperties", node.members.front(), json);
  std::vector<std::string> required;
  json.Begin("properties");
  for (const Node& member : node.members) {
    AddNode(member.name, member, json);
    if (!member.is_optional) required.emplace_back(member.name);
  }
  json.End();
  if (!required.empty()) json.AddTexts("required", required);
  json.Add("additionalProperties", false);
}

void AddItem(const Node& node, JsonWriter& json) {
  node.field != nullptr ? AddLeaf(*node.field, json) : AddMembers(node, json);
}

void AddNode(std::string_view name, const Node& node, JsonWriter& json) {
  json.Begin(name);
  if (node.field != nullptr) AddDescription(*node.field, json);
  if (node.is_list) {
    json.Add("type", std::string_view("array"));
    json.Begin("items");
    AddItem(node, json);
    json.End();
  } else {
    AddItem(node, json);
  }
  json.End();
}

void AddOneOf(const DocumentRow& document, JsonWriter& json) {
  if (document.one_of.empty()) return;
  json.AddList("allOf", document.one_of, [&](size_t i) {
    std::vector<std::string> keys;
    ForEachWord(document.one_of[i], [&](std::string_view key) { keys.emplace_back(key); });
    json.AddList("oneOf", keys, [&](size_t key) { json.AddTexts("required", {keys[key]}); });
  });
}

}  // namespace

void AddSchema(std::string_view name, const DocumentRow& document, JsonWriter& json) {
  json.Begin(name);
  AddMembers(TreeOf(document), json);
  AddOneOf(document, json);
  json.End();
}

void AddReference(std::string_view name, const DocumentRow& document, JsonWriter& json) {
  json.Begin(name);
  json.Add("$ref", "#/components/schemas/" + std::string(document.name));
  json.End();
}

void AddWords(std::string_view words, JsonWriter& json) {
  std::vector<std::string> all;
  ForEachWord(words, [&](std::string_view word) { all.emplace_back(word); });
  json.AddTexts("enum", all);
}

}  // namespace sheaf
