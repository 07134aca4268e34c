package keyspaces.local.dialect;

import java.util.ArrayList;
import java.util.List;
import org.apache.cassandra.exceptions.SyntaxException;

/** The options after WITH, cut at each AND. */
final class OptionList {
    /**
     * @param name in lower case; for CLUSTERING ORDER BY and COMPACT STORAGE the first word
     * @param value tokens after the equals sign; empty when there is none
     * @param text the whole option as it was written
     */
    record Option(String name, List<Token> value, String text) {}

    private OptionList() {}

    static List<Option> read(String cql, List<Token> tokens, int from) {
        List<Option> options = new ArrayList<>();
        int start = from;
        int depth = 0;
        for (int i = from; i <= tokens.size(); i++) {
            boolean end = i == tokens.size() || depth == 0 && tokens.get(i).isSymbol(';');
            if (end || depth == 0 && tokens.get(i).isWord("and")) {
                options.add(option(cql, tokens.subList(start, i)));
                start = i + 1;
            }
            if (end) break;
            if (tokens.get(i).isSymbol('{') || tokens.get(i).isSymbol('(')) depth++;
            if (tokens.get(i).isSymbol('}') || tokens.get(i).isSymbol(')')) depth--;
        }
        return options;
    }

    private static Option option(String cql, List<Token> tokens) {
        if (tokens.isEmpty()) throw new SyntaxException("an option is missing after WITH or AND");
        Token first = tokens.get(0);
        String text = cql.substring(first.start(), tokens.get(tokens.size() - 1).end());
        boolean assigned = tokens.size() > 1 && tokens.get(1).isSymbol('=');
        return new Option(first.text(), assigned ? tokens.subList(2, tokens.size()) : List.of(), text);
    }
}
