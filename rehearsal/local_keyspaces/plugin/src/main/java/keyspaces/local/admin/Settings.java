package keyspaces.local.admin;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Supplier;
import keyspaces.local.Clock;
import keyspaces.local.LocalKeyspaces;
import keyspaces.local.capacity.Limit;

/** What of the node can be set while it runs, by name. */
final class Settings {
    private record Entry(Class<?> type, Supplier<Object> read, Consumer<Object> write) {}

    private final Map<String, Entry> entries = new LinkedHashMap<>();

    Settings(LocalKeyspaces node) {
        number("ddl_delay_ms", () -> node.ddl().delayMillis(), node.ddl()::delay);
        flag("ddl_frozen", () -> node.ddl().frozen(), node.ddl()::freeze);
        number("clock_skew_us", Clock::skew, Clock::skew);
        flag("capacity", () -> node.capacity().on(), node.capacity()::turn);
        for (Limit limit : Limit.values()) number(limit.id(), limit::value, limit::set);
    }

    private void number(String name, Supplier<Long> read, Consumer<Long> write) {
        entries.put(name, new Entry(Long.class, read::get, value -> write.accept((Long) value)));
    }

    private void flag(String name, Supplier<Boolean> read, Consumer<Boolean> write) {
        entries.put(name, new Entry(Boolean.class, read::get, value -> write.accept((Boolean) value)));
    }

    Map<String, Object> all() {
        Map<String, Object> values = new LinkedHashMap<>();
        entries.forEach((name, entry) -> values.put(name, entry.read.get()));
        return values;
    }

    /**
     * Set all of them, or none. For requests that were under way meanwhile, some may have held for a moment.
     *
     * @throws BadRequest with what is allowed
     */
    void set(Body body) {
        body.allow(entries.keySet());
        Map<String, Object> values = new LinkedHashMap<>();
        for (String name : body.names())
            values.put(name, entries.get(name).type == Boolean.class ? (Object) body.flag(name) : (Object) body.number(name));
        Map<String, Object> before = all();
        try {
            write(values);
        } catch (IllegalArgumentException error) {
            before.keySet().retainAll(values.keySet());
            write(before);
            throw new BadRequest(error.getMessage());
        }
    }

    private void write(Map<String, Object> values) {
        values.forEach((name, value) -> entries.get(name).write.accept(value));
    }
}
