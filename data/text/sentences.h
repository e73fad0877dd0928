// Splits sentences into words, with the pre-processing of Kim 2014.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cofactor {

// Cleans a sentence with the rules of the code published with Kim 2014 (Convolutional neural networks for sentence
// classification, arXiv:1408.5882), in its order:
//   1. every byte other than ASCII letters, digits and ( ) , ! ? ' ` becomes a space (so that an accented letter splits
//      its word);
//   2. 's, 've, 're, 'd, 'll and n't, in lower case, are separated from the text before them, wherever they occur:
//      "it's" gives "it 's", "don't" gives "do n't", but "IT'S" remains one word;
//   3. each of , ! ( ) ? is a word of its own (the published code writes the last three as \( \) \?, a mistake in its
//      escapes; here they are the marks alone);
//   4. runs of spaces become one, spaces at the ends are removed, and letters become lower case.
// The result does not depend on the locale.
std::string clean_sentence(std::string_view sentence);

// Cleans a text in any language, in UTF-8. For ASCII it is clean_sentence. Of other texts all letters, digits and marks
// are kept, by the Unicode Character Database (https://www.unicode.org/reports/tr44/), after these steps:
//   1. compatible characters become the same (Unicode's NFKC), and typographic apostrophes ('), so that full-width "!"
//      and a curly "don't" are like those of ASCII; invisible characters, such as soft hyphens, are removed;
//   2. each letter of a script that is written without spaces (Chinese, Japanese, Thai, Lao, Khmer, Burmese), with the
//      marks on it, is a word of its own, and so is each symbol such as an emoji;
//   3. other characters outside of ASCII become spaces, and letters lower case.
// Throws Error if the text is not UTF-8 or has more than 100 MB.
std::string clean_text(std::string_view text);

// The words of a text in any language, which a network for text is trained on and later applied to: tokenize(
// clean_text(text)).
std::vector<std::string> text_words(std::string_view text);

// The words of a text, separated by ASCII white space.
std::vector<std::string> tokenize(std::string_view text);

}  // namespace cofactor
