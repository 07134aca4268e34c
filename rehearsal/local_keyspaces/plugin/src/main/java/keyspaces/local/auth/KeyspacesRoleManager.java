package keyspaces.local.auth;

import java.util.Map;
import java.util.Set;
import org.apache.cassandra.auth.AuthenticatedUser;
import org.apache.cassandra.auth.IResource;
import org.apache.cassandra.auth.IRoleManager;
import org.apache.cassandra.auth.Role;
import org.apache.cassandra.auth.RoleOptions;
import org.apache.cassandra.auth.RoleResource;
import org.apache.cassandra.exceptions.InvalidRequestException;

/**
 * Whoever was let in exists, and may do everything: IAM policies are not modelled.
 *
 * <p>All are superusers, so that Cassandra's guardrails do not answer before the rules do.
 */
public final class KeyspacesRoleManager implements IRoleManager {
    @Override
    public Set<Option> supportedOptions() {
        return Set.of();
    }

    @Override
    public Set<Option> alterableOptions() {
        return Set.of();
    }

    @Override
    public void createRole(AuthenticatedUser performer, RoleResource role, RoleOptions options) {
        throw unsupported();
    }

    @Override
    public void dropRole(AuthenticatedUser performer, RoleResource role) {
        throw unsupported();
    }

    @Override
    public void alterRole(AuthenticatedUser performer, RoleResource role, RoleOptions options) {
        throw unsupported();
    }

    @Override
    public void grantRole(AuthenticatedUser performer, RoleResource role, RoleResource grantee) {
        throw unsupported();
    }

    @Override
    public void revokeRole(AuthenticatedUser performer, RoleResource role, RoleResource revokee) {
        throw unsupported();
    }

    @Override
    public Set<RoleResource> getRoles(RoleResource grantee, boolean includeInherited) {
        return Set.of(grantee);
    }

    @Override
    public Set<Role> getRoleDetails(RoleResource grantee) {
        return Set.of(new Role(grantee.getRoleName(), true, true, Map.of(), Set.of()));
    }

    @Override
    public Set<RoleResource> getAllRoles() {
        return Set.of();
    }

    @Override
    public boolean isSuper(RoleResource role) {
        return true;
    }

    @Override
    public boolean canLogin(RoleResource role) {
        return true;
    }

    @Override
    public Map<String, String> getCustomOptions(RoleResource role) {
        return Map.of();
    }

    @Override
    public boolean isExistingRole(RoleResource role) {
        return true;
    }

    @Override
    public Set<? extends IResource> protectedResources() {
        return Set.of();
    }

    @Override
    public void validateConfiguration() {}

    @Override
    public void setup() {}

    private static InvalidRequestException unsupported() {
        return new InvalidRequestException("Roles are not managed in CQL: use IAM");
    }
}
