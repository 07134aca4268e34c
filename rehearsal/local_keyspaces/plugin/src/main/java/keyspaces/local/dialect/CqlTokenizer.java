package keyspaces.local.dialect;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.apache.cassandra.exceptions.SyntaxException;

/** Cuts CQL into tokens, leaving out white space and comments. Knows quotes, doubled quotes and $$ strings. */
final class CqlTokenizer {
    private final String cql;
    private int at;

    CqlTokenizer(String cql) {
        this.cql = cql;
    }

    /** All tokens that are left. Throws SyntaxException where a quote or comment does not end. */
    List<Token> rest() {
        List<Token> tokens = new ArrayList<>();
        for (Token token = next(); token != null; token = next()) tokens.add(token);
        return tokens;
    }

    /** The next token, or null at the end. */
    Token next() {
        skipBlanks();
        if (at >= cql.length()) return null;
        char first = cql.charAt(at);
        if (first == '\'' || first == '"') return quoted(first);
        if (cql.startsWith("$$", at)) return dollarQuoted();
        if (Character.isDigit(first)) return run(Token.Kind.NUMBER);
        if (Character.isLetter(first)) return run(Token.Kind.WORD);
        return new Token(Token.Kind.SYMBOL, String.valueOf(first), at, ++at);
    }

    private void skipBlanks() {
        while (at < cql.length()) {
            if (Character.isWhitespace(cql.charAt(at))) at++;
            else if (cql.startsWith("--", at) || cql.startsWith("//", at)) at = endOfLine();
            else if (cql.startsWith("/*", at)) at = after("*/", at + 2, "comment");
            else return;
        }
    }

    private Token quoted(char quote) {
        int start = at++;
        StringBuilder text = new StringBuilder();
        while (at < cql.length()) {
            char c = cql.charAt(at++);
            if (c != quote) text.append(c);
            else if (at < cql.length() && cql.charAt(at) == quote) text.append(cql.charAt(at++));
            else
                return new Token(
                        quote == '"' ? Token.Kind.QUOTED_NAME : Token.Kind.STRING, text.toString(), start, at);
        }
        throw unended("quote", start);
    }

    private Token dollarQuoted() {
        int start = at;
        at = after("$$", start + 2, "$$ string");
        return new Token(Token.Kind.STRING, cql.substring(start + 2, at - 2), start, at);
    }

    private Token run(Token.Kind kind) {
        int start = at;
        while (at < cql.length() && (Character.isLetterOrDigit(cql.charAt(at)) || cql.charAt(at) == '_'
                || kind == Token.Kind.NUMBER && cql.charAt(at) == '.')) at++;
        return new Token(kind, cql.substring(start, at).toLowerCase(Locale.ROOT), start, at);
    }

    private int endOfLine() {
        int end = cql.indexOf('\n', at);
        return end < 0 ? cql.length() : end;
    }

    private int after(String end, int from, String what) {
        int found = cql.indexOf(end, from);
        if (found < 0) throw unended(what, at);
        return found + end.length();
    }

    private static SyntaxException unended(String what, int start) {
        return new SyntaxException("the " + what + " that begins at character " + start + " does not end");
    }
}
