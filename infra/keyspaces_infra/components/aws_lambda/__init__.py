"""Lambda functions, from a zip (`variants.ZipLambda`) or an image (`variants.ImageLambda`), and what calls them."""
