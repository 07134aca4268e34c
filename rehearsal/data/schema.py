"""The source's schema: what is migrated, and what `assess` must find beside it."""

from __future__ import annotations

KEYSPACE = "flights"

MIGRATED = (
    """CREATE TABLE flights.flights_unarchived (
        carrier text, flight_date date, sched_dep_time smallint, flight int,
        dep_time smallint, dep_delay int, arr_time smallint, sched_arr_time smallint, arr_delay int,
        tailnum text, origin text, dest text, air_time int, distance int, time_hour timestamp, note text,
        PRIMARY KEY ((carrier, flight_date), sched_dep_time, flight))""",
    """CREATE TABLE flights.departures (
        origin text, flight_date date, carrier text, sched_dep_time smallint, flight int,
        dest text, tailnum text, dep_delay int,
        airport_name text static, visibility_miles double static,
        PRIMARY KEY ((origin, flight_date), carrier, sched_dep_time, flight))""",
    """CREATE TABLE flights.planes (
        tailnum text PRIMARY KEY,
        year int, type text, manufacturer text, model text, engines int, seats int, engine text,
        destinations set<text>, flights_by_month map<tinyint, int>, recent_delays frozen<list<int>>)""",
    """CREATE TABLE flights.weather (
        origin text, time_hour timestamp,
        temp double, dewp double, humid double, wind_dir int, wind_speed double, wind_gust double,
        precip double, pressure double, visib double,
        PRIMARY KEY ((origin), time_hour)) WITH CLUSTERING ORDER BY (time_hour DESC)""",
)

NOT_MIGRATED_AS_IT_STANDS = (
    "CREATE INDEX planes_by_manufacturer ON flights.planes (manufacturer)",
    "CREATE TYPE flights.location (lat double, lon double, alt int)",
    "CREATE TABLE flights.airports (faa text PRIMARY KEY, name text, tzone text, place frozen<location>)",
    """CREATE TABLE flights.departure_counts (
        origin text, flight_date date, departures counter, PRIMARY KEY ((origin, flight_date)))""",
)

# Made after the rows are there: one build then costs less than a read before each write.
VIEW = """CREATE MATERIALIZED VIEW flights.flights_by_tail AS
    SELECT tailnum, carrier, flight_date, sched_dep_time, flight, origin, dest FROM flights.flights_unarchived
    WHERE tailnum IS NOT NULL AND carrier IS NOT NULL AND flight_date IS NOT NULL
      AND sched_dep_time IS NOT NULL AND flight IS NOT NULL
    PRIMARY KEY ((tailnum), flight_date, sched_dep_time, carrier, flight)"""
