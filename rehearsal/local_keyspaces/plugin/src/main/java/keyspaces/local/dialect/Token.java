package keyspaces.local.dialect;

/**
 * A token of CQL and where it stands in the text.
 *
 * @param text words in lower case; strings and quoted names without quotes; else as written
 */
record Token(Kind kind, String text, int start, int end) {
    enum Kind {
        WORD,
        QUOTED_NAME,
        STRING,
        NUMBER,
        SYMBOL
    }

    boolean isWord(String word) {
        return kind == Kind.WORD && text.equals(word);
    }

    boolean isSymbol(char symbol) {
        return kind == Kind.SYMBOL && text.charAt(0) == symbol;
    }
}
