#include "cli/child.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "cli/exit_status.h"

namespace tracepkt::cli {
namespace {

class ChildTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "child-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    const char* path = std::getenv("PATH");
    path_ = path != nullptr ? path : "";
    sigprocmask(SIG_SETMASK, nullptr, &mask_);
    auto signals = Signals::block();
    ASSERT_TRUE(signals);
    signals_ = *std::move(signals);
  }
  void TearDown() override {
    signals_->restore();
    setenv("PATH", path_.c_str(), 1);
    std::filesystem::remove_all(folder_);
  }

  std::string file(const std::string& name, const std::string& text, mode_t mode) {
    const std::string path = folder_ + "/" + name;
    std::ofstream(path) << text;
    chmod(path.c_str(), mode);
    return path;
  }
  int run(const std::vector<std::string>& words) {
    auto child = Child::start({.words = words}, *signals_);
    return child ? child->wait() : -child.error().status;
  }

  std::string folder_;
  std::string path_;
  sigset_t mask_ = {};
  std::optional<Signals> signals_;
};

TEST_F(ChildTest, FindsWhatCanBeRun) {
  EXPECT_TRUE(find_command("/bin/sh"));
  EXPECT_TRUE(find_command("sh"));
  const auto missing = find_command("no-such-command");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().status, kNotFound);
  EXPECT_EQ(missing.error().error.what, "cannot run no-such-command: No such file or directory");
  EXPECT_EQ(find_command("/bin/sh/x").error().status, kNotFound);
  EXPECT_EQ(find_command(file("plain", "x", 0644)).error().status, kCannotExecute);
  EXPECT_EQ(find_command(folder_).error().status, kCannotExecute);
}

TEST_F(ChildTest, LooksOnInThePathWhereAFileCannotBeRun) {
  std::filesystem::create_directories(folder_ + "/a");
  std::filesystem::create_directories(folder_ + "/b");
  file("a/tool", "x", 0644);
  setenv("PATH", (folder_ + "/a").c_str(), 1);
  EXPECT_EQ(find_command("tool").error().status, kCannotExecute);
  file("b/tool", "#!/bin/sh\nexit 3\n", 0755);
  setenv("PATH", (folder_ + "/a:" + folder_ + "/b").c_str(), 1);
  EXPECT_TRUE(find_command("tool"));
  EXPECT_EQ(run({"tool"}), 3);
}

TEST_F(ChildTest, ANameWithAnEscapeIsPrintable) {
  EXPECT_EQ(find_command("a\x1b[1mb").error().error.what,
            "cannot run a\\x1b[1mb: No such file or directory");
}

TEST_F(ChildTest, EndsWithTheStatusOfTheCommand) {
  EXPECT_EQ(run({"true"}), 0);
  EXPECT_EQ(run({"sh", "-c", "exit 42"}), 42);
  EXPECT_EQ(run({"sh", "-c", "kill -KILL $$"}), 128 + SIGKILL);
}

TEST_F(ChildTest, SaysWhenItCannotBeRunAfterAll) {
  EXPECT_EQ(run({file("script", "#!/no/such/shell\n", 0755)}), -kNotFound);
  EXPECT_EQ(run({folder_}), -kCannotExecute);
}

TEST_F(ChildTest, ArgumentsAreAsGiven) {
  const std::string out = folder_ + "/out";
  EXPECT_EQ(run({"sh", "-c", "printf '%s|' \"$@\" >" + out, "sh", "a b", "", "$x", "--"}), 0);
  std::string text;
  std::getline(std::ifstream(out), text);
  EXPECT_EQ(text, "a b||$x|--|");
}

TEST_F(ChildTest, SignalsArePassedOnUnlessATerminalSentThem) {
  auto child = Child::start({.words = {"sleep", "1000"}}, *signals_);
  ASSERT_TRUE(child);
  EXPECT_FALSE(child->has_ended());
  child->pass_on({.number = SIGTERM, .from_terminal = true});
  EXPECT_FALSE(child->has_ended());
  child->pass_on({.number = SIGINT, .from_terminal = false});
  EXPECT_EQ(child->wait(), 128 + SIGINT);
}

TEST_F(ChildTest, ASignalOfAProcessIsNoTerminals) {
  kill(getpid(), SIGHUP);
  const auto signal = signals_->next();
  ASSERT_TRUE(signal);
  EXPECT_EQ(signal->number, SIGHUP);
  EXPECT_FALSE(signal->from_terminal);
  EXPECT_FALSE(signals_->next());
}

TEST_F(ChildTest, SignalsAreRestored) {
  signals_->restore();
  sigset_t now;
  sigprocmask(SIG_SETMASK, nullptr, &now);
  EXPECT_EQ(sigismember(&now, SIGINT), sigismember(&mask_, SIGINT));
  EXPECT_EQ(std::signal(SIGPIPE, SIG_DFL), SIG_DFL);
}

}  // namespace
}  // namespace tracepkt::cli
