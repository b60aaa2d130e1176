#include "proxy/config/subcommands.h"

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>

#include "proxy/config/command_line.h"

namespace sheaf {
namespace {

using cli::ArgumentRow;
using cli::Group;

void Choose(Action action, std::string_view name, CommandLine& line) {
  if (line.action != Action::kServe) throw CLI::ExcludesError(std::string(name), "the other actions");
  line.action = action;
}

CLI::App* AddSubcommand(std::string_view name, std::string_view doc, CLI::App& app) {
  CLI::App* const command = app.add_subcommand(std::string(name), std::string(doc));
  // -c and --set are the program's.
  command->fallthrough();
  return command;
}

void AddArgument(const ArgumentRow& row, CLI::App& command, CLI::Option_group* group, CommandLine& line) {
  CLI::App& owner = group != nullptr ? *group : command;
  const auto take = [&line, &row](const std::string& value) { line.asking.given.push_back({&row, value}); };
  if (row.is_flag()) {
    owner.add_flag_callback(
        std::string(row.name), [take] { take(""); }, std::string(row.doc));
    return;
  }
  CLI::Option* const option = owner.add_option_function<std::string>(std::string(row.name), take, std::string(row.doc));
  option->type_name(std::string(row.value));
  if (!row.words.empty()) option->check(CLI::IsMember(std::vector<std::string>(row.words.begin(), row.words.end())));
  if (row.group == Group::kMust) option->required();
}

void AddCommand(const cli::CommandRow& row, CLI::App& app, CommandLine& line) {
  CLI::App& command = *AddSubcommand(row.name, row.doc, app);
  CLI::Option_group* whom = nullptr;
  CLI::Option_group* what = nullptr;
  for (const ArgumentRow& argument : row.arguments) {
    CLI::Option_group* group = nullptr;
    if (argument.group == Group::kWhom) {
      if (whom == nullptr) whom = command.add_option_group("To whom");
      group = whom;
    } else if (argument.group == Group::kWhat) {
      if (what == nullptr) what = command.add_option_group("What");
      group = what;
    }
    AddArgument(argument, command, group, line);
  }
  if (whom != nullptr) whom->require_option(row.whom_may_miss ? 0 : 1, 1);
  if (what != nullptr) what->require_option(1, 1);
  for (const ArgumentRow& argument : cli::CommonArguments()) AddArgument(argument, command, nullptr, line);
  command.callback([&line, &row] {
    Choose(Action::kAsk, row.name, line);
    line.asking.command = &row;
  });
}

}  // namespace

void AddDoctor(CLI::App& app, CommandLine& line) {
  doctor::Wishes& wishes = line.doctor;
  CLI::App& command = *AddSubcommand(kDoctorCommand, kDoctorDoc, app);
  command.footer(
      "\nExits with 0 where nothing that matters differs, 1 where something does, 2 where it could not run.");
  for (const DoctorOption& row : kDoctorOptions) {
    const std::string name(row.name);
    CLI::Option* const option =
        row.slot != nullptr
            ? command.add_option(name, wishes.*row.slot, std::string(row.doc))->capture_default_str()->take_last()
            : command.add_option(name, wishes.fields, std::string(row.doc))->type_size(1)->allow_extra_args(false);
    option->type_name(std::string(row.value));
  }
  command.callback([&line] { Choose(Action::kDoctor, kDoctorCommand, line); });
}

void AddCommands(CLI::App& app, CommandLine& line) {
  for (const cli::CommandRow& row : cli::Commands()) AddCommand(row, app, line);
}

}  // namespace sheaf
