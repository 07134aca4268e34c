package keyspaces.local;

/** A rule that a statement breaks whatever is bound to it. */
public record Violation(Rule rule, String message) {}
