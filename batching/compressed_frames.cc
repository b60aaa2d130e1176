#include "batching/compressed_frames.h"

#include <utility>

#include "proxy/base/bytes.h"
#include "proxy/wire/ws_frame.h"

namespace sheaf::batching {

CompressedFrames::~CompressedFrames() {
  Trim();
}

void CompressedFrames::Adopt(const wire::DeflateEffort& effort) {
  if (std::exchange(effort_, effort) == effort) return;
  for (auto& deflater : deflaters_) deflater.reset();
}

CompressedMessage* CompressedFrames::Find(uint64_t serial) const {
  return index_.Find(serial, [](const CompressedMessage& /*one*/) { return true; });
}

CompressedMessage& CompressedFrames::Of(const MessageRef& message) {
  CompressedMessage* one = Find(message->serial());
  if (one == nullptr) {
    one = new CompressedMessage(message);  // NOLINT(cppcoreguidelines-owning-memory): Forget's
    index_.Insert(*one);
    loose_.PushBack(*one);
    Count(*one, sizeof *one + sizeof(Message) + 2 * kBlock + message->frame().size());
    ++distinct_;
    while (bytes_ > bound_ && &loose_.front() != one) Forget(loose_.front());
  } else if (one->loose_.linked()) {
    loose_.Remove(*one);
    loose_.PushBack(*one);
  }
  one->period_ = period_;
  return *one;
}

void CompressedFrames::Count(CompressedMessage& one, size_t bytes) {
  one.bytes_ += bytes;
  bytes_ += bytes;
}

// Given back only when all went well: one in whose context something was left would make wrong frames.
wire::Deflater CompressedFrames::TakeDeflater(uint8_t window_bits) {
  std::optional<wire::Deflater> spare = std::exchange(deflaters_[window_bits - kLeastWindow], std::nullopt);
  return spare ? std::move(*spare) : wire::Deflater(window_bits, effort_);
}

const CompressedFrame* CompressedFrames::Make(CompressedMessage& of, const CompressedFrame::Source& source,
                                              std::span<const uint8_t> dictionary) {
  wire::Deflater deflater = TakeDeflater(source.window_bits);
  if (!deflater.Prime(dictionary)) return nullptr;
  const CompressedFrame* frame = Make(of, source, deflater);
  if (frame == nullptr) return nullptr;
  deflater.Reset();
  deflaters_[source.window_bits - kLeastWindow].emplace(std::move(deflater));
  return frame;
}

const CompressedFrame* CompressedFrames::Make(CompressedMessage& of, const CompressedFrame::Source& source,
                                              wire::Deflater& deflater) {
  compressed_.clear();
  if (!deflater.Compress(of.message->bytes(), true, compressed_)) return nullptr;
  std::string bytes;
  bytes.reserve(wire::kMaxFrameHeader + compressed_.size());
  wire::AppendFrameHeader(bytes, of.message->opcode(), true, compressed_.size(), nullptr, true);
  bytes += compressed_;
  metrics_.deflate_messages_total.Add();
  metrics_.deflate_input_bytes_total.Add(of.message->size());
  metrics_.deflate_output_bytes_total.Add(compressed_.size());
  if (of.frames_.size() == kMostFrames) {
    CompressedFrame& oldest = of.frames_[of.oldest_++ % kMostFrames];
    Count(of, bytes.capacity() - oldest.bytes.capacity());
    oldest = {source, std::move(bytes)};
    return &oldest;
  }
  Count(of, sizeof(CompressedFrame) + kBlock + bytes.capacity());
  of.frames_.push_back({source, std::move(bytes)});
  return &of.frames_.back();
}

void CompressedFrames::Hold(CompressedMessage& one) {
  if (one.loose_.linked()) loose_.Remove(one);
}

void CompressedFrames::Release(CompressedMessage& one) {
  one.period_ = period_;
  loose_.PushBack(one);
}

void CompressedFrames::Forget(CompressedMessage& one) {
  loose_.Remove(one);
  index_.Remove(one);
  bytes_ -= one.bytes_;
  delete &one;  // NOLINT(cppcoreguidelines-owning-memory): Of's
}

void CompressedFrames::Expire() {
  while (!loose_.empty() && loose_.front().period_ + 1 < period_) Forget(loose_.front());
  ++period_;
  if (compressed_.capacity() > kMostSpare) compressed_ = std::string();
  if (dictionary_.capacity() > kMostSpare) dictionary_ = std::string();
}

void CompressedFrames::ForgetLoose() {
  while (!loose_.empty()) Forget(loose_.front());
}

size_t CompressedFrames::Trim() {
  const size_t before = bytes_;
  ForgetLoose();
  size_t freed = before - bytes_;
  uint8_t bits = kLeastWindow;
  for (std::optional<wire::Deflater>& deflater : deflaters_) {
    if (deflater) freed += effort_.Bytes(bits);
    deflater.reset();
    ++bits;
  }
  compressed_ = std::string();
  dictionary_ = std::string();
  return freed;
}

}  // namespace sheaf::batching
