"""The version of the plugin API. docs/plugin-api.md lists what each version changed."""

API_VERSION = 2
API_ADVICE = "docs/plugin-api.md lists what to change"
