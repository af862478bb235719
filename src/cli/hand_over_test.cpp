#include "cli/hand_over.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>
#include <thread>

#include "base/fd.h"

namespace tracepkt::cli {
namespace {

class HandOver : public ::testing::Test {
 protected:
  HandOver() {
    std::array<int, 2> ends;
    EXPECT_EQ(pipe(ends.data()), 0);
    reader_ = Fd(ends[0]);
    writer_ = Fd(ends[1]);
    sigprocmask(SIG_SETMASK, nullptr, &mask_);
    auto signals = Signals::block();
    EXPECT_TRUE(signals);
    signals_ = *std::move(signals);
    out_.emplace(writer_.get(), sinks::ColorMode::kNever);
    while (!out_->is_stuck()) {
      out_->write(text_);
      written_ += text_.size();
    }
  }
  ~HandOver() override {
    sigprocmask(SIG_SETMASK, &mask_, nullptr);
    std::signal(SIGPIPE, SIG_DFL);
  }

  Fd reader_;
  Fd writer_;
  sigset_t mask_ = {};
  std::optional<Signals> signals_;
  std::optional<sinks::Output> out_;
  const std::string text_ = std::string(1000, 'x');
  std::size_t written_ = 0;
};

TEST_F(HandOver, AReaderThatReadsGetsAllOfIt) {
  kill(getpid(), SIGTERM);
  EXPECT_TRUE(signals_->arrived());
  EXPECT_TRUE(signals_->is_urgent());
  std::size_t read_bytes = 0;
  std::thread reader([&] {
    std::array<char, 700> buffer;
    while (read_bytes < written_) {
      const ssize_t size = ::read(reader_.get(), buffer.data(), buffer.size());
      ASSERT_GT(size, 0);
      read_bytes += static_cast<std::size_t>(size);
    }
  });
  EXPECT_TRUE(hand_over(*out_, *signals_));
  reader.join();
  EXPECT_EQ(read_bytes, written_);
}

TEST_F(HandOver, AReaderThatDoesNotIsLeftWhenASignalComes) {
  kill(getpid(), SIGTERM);  // nobody has taken it yet
  const Status taken = hand_over(*out_, *signals_);
  ASSERT_FALSE(taken);
  EXPECT_THAT(taken.error().what, ::testing::HasSubstr("nobody reads the output"));
  EXPECT_THAT(taken.error().hint, ::testing::HasSubstr("-w FILE"));
  EXPECT_TRUE(signals_->arrived());
  EXPECT_TRUE(out_->closed());
  out_->write(text_);
  EXPECT_EQ(out_->waiting_bytes(), 0u);
}

TEST_F(HandOver, AReaderThatGoesAwayIsNoFailure) {
  reader_ = Fd();
  EXPECT_TRUE(hand_over(*out_, *signals_));
  EXPECT_FALSE(signals_->arrived());
}

}  // namespace
}  // namespace tracepkt::cli
