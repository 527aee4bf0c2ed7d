"""From the store's rows to what is shown: values in, values out. Pages and the API show the same ones. Pure."""
