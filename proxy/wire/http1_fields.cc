#include "proxy/wire/http1_fields.h"

#include <llhttp.h>

#include <algorithm>

#include "proxy/wire/http1_syntax.h"

namespace sheaf::wire {
namespace {

constexpr uint8_t kOrdinaryField = 0;  // llhttp's number for a field without a meaning

// What llhttp's callbacks fill in. The head lies in one piece, so each name and value comes in one callback. A value
// that llhttp refuses half-way comes too, but is never completed.
struct FieldCollector {
  const HeadKind kind;
  const HeadLimits& limits;
  std::vector<Field>& fields;
  Field field = {};
  bool in_value = false;
  std::optional<RefuseReason> refusal = std::nullopt;
};

int OnFieldName(llhttp_t* parser, const char* data, size_t size) {
  auto& collector = *static_cast<FieldCollector*>(parser->data);
  collector.field.name = {data, size};
  return HPE_OK;
}

int OnFieldNameComplete(llhttp_t* parser) {
  auto& collector = *static_cast<FieldCollector*>(parser->data);
  collector.in_value = true;
  // llhttp refuses a length that is said twice, also where both are the same. ParseFraming looks at a response's alone.
  const bool unread = collector.kind == HeadKind::kResponse && EqualsIgnoreCase(collector.field.name, "Content-Length");
  if (unread) parser->header_state = kOrdinaryField;
  return HPE_OK;
}

int OnFieldValue(llhttp_t* parser, const char* data, size_t size) {
  auto& collector = *static_cast<FieldCollector*>(parser->data);
  collector.field.value = Trim({data, size});
  return HPE_OK;
}

int OnFieldComplete(llhttp_t* parser) {
  auto& collector = *static_cast<FieldCollector*>(parser->data);
  collector.in_value = false;
  collector.refusal = CheckField(collector.field, collector.limits.allow_underscores);
  if (!collector.refusal && collector.fields.size() == collector.limits.max_fields) {
    collector.refusal = RefuseReason::kTooManyFields;
  }
  if (collector.refusal) return HPE_USER;
  collector.fields.push_back(collector.field);
  return HPE_OK;
}

// Ends the parse: what a head says about the body is decided by ParseFraming.
int OnFieldsComplete(llhttp_t* /*parser*/) {
  return HPE_PAUSED;
}

const llhttp_settings_t& Settings() {
  static const llhttp_settings_t settings = [] {
    llhttp_settings_t made;
    llhttp_settings_init(&made);
    made.on_header_field = OnFieldName;
    made.on_header_field_complete = OnFieldNameComplete;
    made.on_header_value = OnFieldValue;
    made.on_header_value_complete = OnFieldComplete;
    made.on_headers_complete = OnFieldsComplete;
    return made;
  }();
  return settings;
}

// llhttp's refusals of what our own checks of the first line and of each field do not see first.
RefuseReason ReasonOf(llhttp_errno_t error, const llhttp_t& parser, const FieldCollector& collector) {
  switch (error) {
    case HPE_INVALID_URL:
      return RefuseReason::kBadTarget;
    // Which of them a length and an encoding together are depends on llhttp's version and on which comes first.
    case HPE_INVALID_CONTENT_LENGTH:
    case HPE_UNEXPECTED_CONTENT_LENGTH:
      return (parser.flags & F_TRANSFER_ENCODING) != 0 ? RefuseReason::kLengthAndEncoding
                                                       : RefuseReason::kBadContentLength;
    case HPE_INVALID_TRANSFER_ENCODING:
      return (parser.flags & F_CONTENT_LENGTH) != 0 ? RefuseReason::kLengthAndEncoding
                                                    : RefuseReason::kBadTransferEncoding;
    case HPE_INVALID_HEADER_TOKEN:
    case HPE_UNEXPECTED_SPACE:
      return collector.in_value ? RefuseReason::kBadFieldValue : RefuseReason::kBadFieldName;
    default:
      return RefuseReason::kBadRequestLine;
  }
}

}  // namespace

std::optional<RefuseReason> ParseFields(std::string_view head, HeadKind kind, const HeadLimits& limits,
                                        std::vector<Field>& fields) {
  FieldCollector collector{kind, limits, fields};
  llhttp_t parser;
  llhttp_init(&parser, kind == HeadKind::kRequest ? HTTP_REQUEST : HTTP_RESPONSE, &Settings());
  parser.data = &collector;

  // llhttp knows a fixed list of methods and of versions; a proxy passes on more. So it is told one that it knows, and
  // reads on after ours.
  const std::string_view known = kind == HeadKind::kRequest ? "GET" : "HTTP/1.1 200 OK";
  llhttp_execute(&parser, known.data(), known.size());
  head.remove_prefix(head.find(kind == HeadKind::kRequest ? ' ' : '\r'));
  const llhttp_errno_t error = llhttp_execute(&parser, head.data(), head.size());
  if (error == HPE_PAUSED) return std::nullopt;
  return collector.refusal ? *collector.refusal : ReasonOf(error, parser, collector);
}

std::optional<std::string_view> FindField(const std::vector<Field>& fields, std::string_view name) {
  for (const Field& field : fields) {
    if (EqualsIgnoreCase(field.name, name)) return field.value;
  }
  return std::nullopt;
}

size_t CountFields(const std::vector<Field>& fields, std::string_view name) {
  return static_cast<size_t>(std::count_if(fields.begin(), fields.end(),
                                           [name](const Field& field) { return EqualsIgnoreCase(field.name, name); }));
}

bool FieldsListToken(const std::vector<Field>& fields, std::string_view name, std::string_view token) {
  return std::any_of(fields.begin(), fields.end(), [name, token](const Field& field) {
    return EqualsIgnoreCase(field.name, name) && ListHasToken(field.value, token);
  });
}

namespace {

// What all Content-Length fields say, lists included, where they say the same (RFC 9112 6.3, rule 5).
std::optional<uint64_t> AgreedLength(const std::vector<Field>& fields) {
  std::optional<uint64_t> agreed;
  for (const Field& field : fields) {
    if (!EqualsIgnoreCase(field.name, "Content-Length")) continue;
    std::string_view list = field.value;
    if (list.ends_with(',')) return std::nullopt;
    do {
      const auto length = ParseContentLength(TakeListMember(list));
      if (!length || agreed.value_or(*length) != *length) return std::nullopt;
      agreed = length;
    } while (!list.empty());
  }
  return agreed;
}

}  // namespace

std::optional<RefuseReason> ParseFraming(const std::vector<Field>& fields, HeadKind kind, int minor_version,
                                         Framing& framing) {
  const auto length = FindField(fields, "Content-Length");
  const auto encoding = FindField(fields, "Transfer-Encoding");
  if (length && encoding) return RefuseReason::kLengthAndEncoding;
  if (length) {
    const bool once = CountFields(fields, "Content-Length") == 1;
    framing.length = kind == HeadKind::kResponse ? AgreedLength(fields) : ParseContentLength(*length);
    if (!framing.length || (kind == HeadKind::kRequest && !once)) return RefuseReason::kBadContentLength;
  }
  if (encoding) {
    if (minor_version == 0) return RefuseReason::kEncodingOnHttp10;
    framing.chunked = EqualsIgnoreCase(*encoding, "chunked");
    if (!framing.chunked || CountFields(fields, "Transfer-Encoding") != 1) return RefuseReason::kBadTransferEncoding;
  }
  return std::nullopt;
}

bool WantsKeepAlive(const std::vector<Field>& fields, int minor_version) {
  if (FieldsListToken(fields, "Connection", "close")) return false;
  return minor_version >= 1 || FieldsListToken(fields, "Connection", "keep-alive");
}

}  // namespace sheaf::wire
