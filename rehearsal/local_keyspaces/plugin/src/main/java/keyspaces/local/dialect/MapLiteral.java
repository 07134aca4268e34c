package keyspaces.local.dialect;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.cassandra.exceptions.SyntaxException;

/** Reads a map literal from tokens: keys are strings; values strings, numbers, words, or maps again. */
final class MapLiteral {
    private final String option;
    private final List<Token> tokens;
    private int at;

    private MapLiteral(String option, List<Token> tokens) {
        this.option = option;
        this.tokens = tokens;
    }

    /** The map, nested maps as maps and all else as text. Throws SyntaxException that names {@code option}. */
    static Map<String, Object> read(String option, List<Token> tokens) {
        MapLiteral reader = new MapLiteral(option, tokens);
        Map<String, Object> read = reader.map();
        if (reader.at != tokens.size()) throw reader.unexpected("the end of " + option);
        return read;
    }

    private Map<String, Object> map() {
        expect('{');
        Map<String, Object> entries = new LinkedHashMap<>();
        while (!isNext('}')) {
            if (!entries.isEmpty()) expect(',');
            String key = string();
            expect(':');
            if (entries.put(key, value()) != null)
                throw new SyntaxException("'" + key + "' is given twice in " + option);
        }
        expect('}');
        return entries;
    }

    private Object value() {
        if (isNext('{')) return map();
        String sign = isNext('-') ? tokens.get(at++).text() : "";
        if (at < tokens.size() && tokens.get(at).kind() != Token.Kind.SYMBOL) return sign + tokens.get(at++).text();
        throw unexpected("a value");
    }

    private String string() {
        if (at < tokens.size() && tokens.get(at).kind() == Token.Kind.STRING) return tokens.get(at++).text();
        throw unexpected("a name in single quotes");
    }

    private boolean isNext(char symbol) {
        return at < tokens.size() && tokens.get(at).isSymbol(symbol);
    }

    private void expect(char symbol) {
        if (!isNext(symbol)) throw unexpected("'" + symbol + "'");
        at++;
    }

    private SyntaxException unexpected(String wanted) {
        String found = at < tokens.size() ? "'" + tokens.get(at).text() + "'" : "the end";
        return new SyntaxException(option + ": found " + found + " where " + wanted + " was expected");
    }
}
