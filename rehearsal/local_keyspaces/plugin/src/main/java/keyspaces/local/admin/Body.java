package keyspaces.local.admin;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.TreeSet;

/** A JSON object that a client sent. Each getter refuses a value of another type. */
final class Body {
    private static final ObjectMapper JSON =
            new ObjectMapper().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

    private final JsonNode object;

    private Body(JsonNode object) {
        this.object = object;
    }

    static Body read(InputStream stream) throws IOException {
        try {
            JsonNode read = JSON.readTree(stream);
            if (!read.isObject()) throw new BadRequest("the body must be a JSON object");
            return new Body(read);
        } catch (JsonProcessingException error) {
            throw new BadRequest("the body is no JSON: " + error.getOriginalMessage());
        }
    }

    static byte[] write(Object value) throws IOException {
        return JSON.writeValueAsBytes(value);
    }

    List<String> names() {
        List<String> names = new ArrayList<>();
        object.fieldNames().forEachRemaining(names::add);
        return names;
    }

    void allow(Collection<String> allowed) {
        for (String name : names())
            if (!allowed.contains(name))
                throw new BadRequest("unknown key " + name + "; allowed are " + String.join(", ", new TreeSet<>(allowed)));
    }

    boolean has(String name) {
        return object.hasNonNull(name);
    }

    Long number(String name) {
        JsonNode value = object.path(name);
        if (!value.isIntegralNumber() || !value.canConvertToLong()) throw wrong(name, "an integer");
        return value.longValue();
    }

    double real(String name) {
        if (!object.path(name).isNumber()) throw wrong(name, "a number");
        return object.path(name).doubleValue();
    }

    Boolean flag(String name) {
        if (!object.path(name).isBoolean()) throw wrong(name, "true or false");
        return object.path(name).booleanValue();
    }

    String text(String name) {
        if (!object.path(name).isTextual()) throw wrong(name, "a string");
        return object.path(name).textValue();
    }

    <E extends Enum<E>> E choice(String name, Class<E> type) {
        String value = object.path(name).asText();
        for (E constant : type.getEnumConstants())
            if (constant.name().toLowerCase(Locale.ROOT).equals(value)) return constant;
        throw wrong(name, "one of " + Arrays.toString(type.getEnumConstants()).toLowerCase(Locale.ROOT));
    }

    BadRequest wrong(String name, String allowed) {
        String found = object.has(name) ? object.get(name).toString() : "missing";
        return new BadRequest(name + " is " + found + "; it must be " + allowed);
    }
}
