package keyspaces.local.admin;

/** A request that can't be understood. The message says what was found and what is allowed. */
final class BadRequest extends RuntimeException {
    private static final long serialVersionUID = 1;

    BadRequest(String message) {
        super(message);
    }
}
