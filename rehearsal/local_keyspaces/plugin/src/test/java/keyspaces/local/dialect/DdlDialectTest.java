package keyspaces.local.dialect;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Map;
import org.apache.cassandra.exceptions.InvalidRequestException;
import org.apache.cassandra.exceptions.SyntaxException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DdlDialectTest {
    private static final String ON = "{'status': 'enabled'}";

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "INSERT INTO t (k) VALUES ('CREATE TABLE t WITH CUSTOM_PROPERTIES = {}')",
                "CREATE TABLE t (k int PRIMARY KEY)",
                "ALTER TABLE t ADD \"with\" int",
                "CREATE TYPE t (a int)",
            })
    void whatIsTheSameInBothIsLeftAlone(String cql) {
        assertNull(DdlDialect.translate(cql));
    }

    @Test
    void propertiesAreTakenOutAndTheOtherOptionsStay() {
        DdlDialect.Translated made = DdlDialect.translate("create table t (k int primary key) with CUSTOM_PROPERTIES={'ttl':"
                + ON + "} and comment = 'a AND b' -- AND tags\n AND tags = {'a': 'b;'} AND CLUSTERING ORDER BY (c DESC);");
        assertEquals(
                "create table t (k int primary key)  WITH comment = 'a AND b' AND CLUSTERING ORDER BY (c DESC)", made.cql());
        assertEquals(Map.of("ttl", Map.of("status", "enabled")), made.options().customProperties());
    }

    @Test
    void namesAndTextsThatLookLikeKeywordsAreNone() {
        String cql = "CREATE TABLE \"with\" (k int PRIMARY KEY, \"custom_properties\" text) WITH comment = $$it's {$$";
        assertEquals("CREATE TABLE \"with\" (k int PRIMARY KEY, \"custom_properties\" text)  WITH comment = $$it's {$$",
                DdlDialect.translate(cql).cql());
    }

    @Test
    void alterOfAPropertyAloneBecomesAChangeOfNothing() {
        DdlDialect.Translated made = DdlDialect.translate("ALTER TABLE t WITH custom_properties = {'ttl': " + ON + "}");
        assertEquals("ALTER TABLE t  WITH gc_grace_seconds = 864000", made.cql());
    }

    @Test
    void tagsAloneChangeNoTable() {
        assertTrue(DdlDialect.translate("ALTER TABLE t DROP TAGS {'a': 'b'}").options().tagsOnly());
    }

    @Test
    void aKeyspaceHasOneReplicaHereAndRemembersWhatWasDeclared() {
        DdlDialect.Translated made =
                DdlDialect.translate("CREATE KEYSPACE k WITH REPLICATION = {'class': 'SingleRegionStrategy'} AND TAGS = {}");
        assertTrue(made.cql().contains("'SimpleStrategy'"));
        assertEquals(Map.of("class", "SingleRegionStrategy"), made.options().replication());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "CUSTOM_PROPERTIES = {'ttl': {'status': 'enabled'}",
                "CUSTOM_PROPERTIES = {ttl: {'status': 'enabled'}}",
                "CUSTOM_PROPERTIES = {'ttl': {'status': 'enabled'}, 'ttl': {'status': 'enabled'}}",
                "CUSTOM_PROPERTIES = {'ttl': {'status': 'enabled'}} 1",
                "comment = 'open",
                "comment = 'x' AND",
            })
    void whatIsNoMapOrDoesNotEndIsASyntaxError(String options) {
        assertThrows(SyntaxException.class, () -> DdlDialect.translate("CREATE TABLE t (k int PRIMARY KEY) WITH " + options));
    }

    @ParameterizedTest
    @ValueSource(strings = {"{'cdc_specification': {}}", "{'replica_updates': {}}", "{'colour': {}}"})
    void whatIsNotModelledAndWhatIsUnknownIsRefused(String properties) {
        assertThrows(
                InvalidRequestException.class,
                () -> DdlDialect.translate("CREATE TABLE t (k int PRIMARY KEY) WITH CUSTOM_PROPERTIES = " + properties));
    }
}
