"""The TLS context of a session."""

import ssl

from keyspaces_migration.clients.errors import SessionSettingsError
from keyspaces_migration.clients.settings import TlsSettings


def ssl_context(tls: TlsSettings) -> ssl.SSLContext:
    """Return a context that always verifies the certificate, by `tls.ca_file` or the operating system's authorities.

    Raises:
        SessionSettingsError: the file cannot be read or holds no certificate.
    """
    try:
        context = ssl.create_default_context(cafile=tls.ca_file)
    except ssl.SSLError as error:
        raise SessionSettingsError(
            f"{tls.ca_file} holds no certificate ({error.reason}). Allowed: a PEM file of the authorities to trust."
        ) from error
    except OSError as error:
        raise SessionSettingsError(
            f"{tls.ca_file} cannot be read ({error.strerror}). Give a PEM file that exists where this runs."
        ) from error
    context.check_hostname = tls.check_hostname
    return context
