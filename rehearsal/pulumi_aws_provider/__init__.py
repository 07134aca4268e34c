"""The part of pulumi-resource-aws that this project uses, attached to the real Pulumi engine over gRPC."""
