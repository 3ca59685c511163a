// Help, manual page and completion, generated from the verb table.
#pragma once

#include "query/verbs.h"
#include "schema/result.h"
#include "tools/http/request.h"

#include <string>

namespace backsight::tools {

std::string general_help(const Vocabulary& vocabulary);
std::string verb_help(const Vocabulary& vocabulary, const query::VerbSpec& verb);
std::string manual_page(const Vocabulary& vocabulary);  // troff, section 1
// kInvalid: a shell other than bash and zsh.
schema::Result<std::string> completion(const Vocabulary& vocabulary, const std::string& shell);

}  // namespace backsight::tools
