package keyspaces.local.admin;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import keyspaces.local.RequestGate.Operation;
import keyspaces.local.faults.Fault;
import keyspaces.local.faults.Faults;

/** Faults as JSON. */
final class FaultRequests {
    private static final Set<String> KEYS =
            Set.of("kind", "table", "operation", "percentage", "latency_ms", "above_token", "count", "expires_s");
    private static final double WHOLE = 100;
    private static final long LONGEST_LATENCY_MS = 600_000;
    private static final long LONGEST_EXPIRY_S = 86_400;

    private FaultRequests() {}

    static Map<String, Object> add(Faults faults, Body body) {
        body.allow(KEYS);
        Fault.Kind kind = body.choice("kind", Fault.Kind.class);
        double percentage = body.has("percentage") ? body.real("percentage") : WHOLE;
        if (!(percentage > 0 && percentage <= WHOLE)) throw body.wrong("percentage", "above 0 and up to 100");
        if (body.has("latency_ms") != (kind == Fault.Kind.LATENCY))
            throw new BadRequest("latency_ms belongs to kind latency, and only to it");
        String table = body.has("table") ? body.text("table") : null;
        if (table != null && !table.matches("\\w+\\.\\w+")) throw body.wrong("table", "like keyspace.table");
        Long expires = positive(body, "expires_s", LONGEST_EXPIRY_S);
        Long latency = positive(body, "latency_ms", LONGEST_LATENCY_MS);
        return shown(faults.add(
                kind,
                table,
                body.has("operation") ? body.choice("operation", Operation.class) : null,
                percentage,
                latency == null ? 0 : latency,
                aboveToken(body),
                positive(body, "count", Long.MAX_VALUE),
                expires == null ? null : TimeUnit.SECONDS.toNanos(expires)));
    }

    private static Long aboveToken(Body body) {
        if (!body.has("above_token")) return null;
        boolean ofReads = body.has("operation") && body.choice("operation", Operation.class) == Operation.READ;
        boolean after = body.choice("kind", Fault.Kind.class).name().endsWith("_AFTER");
        if (!ofReads || after)
            throw new BadRequest("above_token belongs to operation read, and to a kind that strikes before it");
        return body.number("above_token");
    }

    static List<Map<String, Object>> all(Faults faults) {
        return faults.all().stream().map(FaultRequests::shown).toList();
    }

    private static Long positive(Body body, String name, long most) {
        if (!body.has(name)) return null;
        Long value = body.number(name);
        if (value < 1 || value > most) throw body.wrong(name, "from 1 to " + most);
        return value;
    }

    private static Map<String, Object> shown(Fault fault) {
        Map<String, Object> values = new LinkedHashMap<>();
        values.put("id", fault.id);
        values.put("kind", fault.kind.name().toLowerCase(Locale.ROOT));
        values.put("table", fault.table);
        values.put("operation", fault.operation == null ? null : fault.operation.name().toLowerCase(Locale.ROOT));
        values.put("percentage", fault.percentage);
        values.put("latency_ms", fault.kind == Fault.Kind.LATENCY ? fault.latencyMillis : null);
        values.put("above_token", fault.aboveToken);
        values.put("left", fault.left());
        values.put("struck", fault.struck());
        return values;
    }
}
