#include "collector/ring_reader.h"

#include <linux/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>

namespace backsight::collector {
namespace {

std::size_t page_bytes() {
  return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

std::uint64_t load_position(const void* page) {
  return __atomic_load_n(static_cast<const std::uint64_t*>(page), __ATOMIC_ACQUIRE);
}

std::size_t producer_bytes(std::size_t bytes) {
  return page_bytes() + 2 * bytes;
}

}  // namespace

schema::Result<std::unique_ptr<RingReader>> RingReader::open(int map_fd, std::size_t bytes) {
  auto reader = std::unique_ptr<RingReader>(new RingReader(map_fd, bytes));
  void* consumer = ::mmap(nullptr, page_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
  if (consumer == MAP_FAILED)
    return schema::make_error(schema::ErrorCode::kIo,
                              std::string("cannot map the ring buffer: ") + std::strerror(errno));
  reader->consumer_page_ = consumer;
  void* producer =
      ::mmap(nullptr, producer_bytes(bytes), PROT_READ, MAP_SHARED, map_fd, static_cast<off_t>(page_bytes()));
  if (producer == MAP_FAILED)
    return schema::make_error(schema::ErrorCode::kIo,
                              std::string("cannot map the ring buffer: ") + std::strerror(errno));
  reader->producer_pages_ = producer;
  return reader;
}

RingReader::~RingReader() {
  if (consumer_page_) ::munmap(consumer_page_, page_bytes());
  if (producer_pages_) ::munmap(producer_pages_, producer_bytes(bytes_));
}

std::uint64_t RingReader::consumed() const {
  return load_position(consumer_page_);
}
std::uint64_t RingReader::produced() const {
  return load_position(producer_pages_);
}

std::size_t RingReader::drain(const Handler& handler, std::size_t max_records) {
  auto* consumer = static_cast<std::uint64_t*>(consumer_page_);
  const auto* data = static_cast<const std::byte*>(producer_pages_) + page_bytes();
  std::uint64_t at = consumed(), published = at;
  std::uint64_t end = produced();
  std::size_t records = 0;
  while (records < max_records) {
    if (at >= end) {
      end = produced();
      if (at >= end) break;
    }
    const std::byte* record = data + (at & (bytes_ - 1));
    const std::uint32_t header =
        __atomic_load_n(reinterpret_cast<const std::uint32_t*>(record), __ATOMIC_ACQUIRE);
    if (header & BPF_RINGBUF_BUSY_BIT) break;  // still being written
    const std::uint32_t length = header & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
    if ((header & BPF_RINGBUF_DISCARD_BIT) == 0) {
      handler({record + BPF_RINGBUF_HDR_SZ, length});
      records++;
    }
    at += (length + BPF_RINGBUF_HDR_SZ + 7) / 8 * 8;
    // Giving room back record by record would bounce the line with every producer.
    if (at - published >= bytes_ / 32) {
      __atomic_store_n(consumer, at, __ATOMIC_RELEASE);
      published = at;
    }
  }
  if (at != published) __atomic_store_n(consumer, at, __ATOMIC_RELEASE);
  return records;
}

}  // namespace backsight::collector
