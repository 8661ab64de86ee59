"""Names and numbers that several modules share. Imports nothing, so that `apikley --help` stays fast."""

# The environment variables.
API_KEY_VARIABLE = "APIKLEY_API_KEY"
BATCH_DATABASE_VARIABLE = "APIKLEY_BATCH_DATABASE"
CONFIG_VARIABLE = "APIKLEY_CONFIG"
INBOX_VARIABLE = "APIKLEY_INBOX"
RECORDS_VARIABLE = "APIKLEY_TASKS"
PROFILE_VARIABLE = "APIKLEY_PROFILE"
WEBHOOK_KEY_VARIABLE = "APIKLEY_WEBHOOK_KEY"
SETTINGS_VARIABLES = {"api_key": API_KEY_VARIABLE, "base_url": "APIKLEY_BASE_URL", "model": "APIKLEY_MODEL"}

DEFAULT_PROFILE = "default"
WAIT_TIMEOUT = 900.0  # seconds, as in the library
MAX_TIMEOUT = 1e9  # seconds
INTERRUPTED = 130  # the exit code after Ctrl-C

# For each command: where it is in `apikley.cli.commands`, and its line in `apikley --help`.
COMMANDS = {
    "run": ("run:run", "Make a video: create a task, wait for it, and download the result."),
    "create": ("run:create", "Create a task and print its id, without waiting."),
    "wait": ("tasks:wait", "Wait for tasks, and download their results if -o is given."),
    "task": ("tasks:task", "Poll a task once."),
    "download": ("tasks:download", "Download the result of a finished task."),
    "tasks": ("records:tasks", "List the tasks that this machine has created."),
    "batch": ("batch:batch", "Make many videos from a table, and pay for none twice."),
    "upload": ("upload:upload", "Upload a file and print its URL."),
    "credits": ("upload:get_credits", "Print the credits that the account has left."),
    "models": ("models:models", "List models, or show one with its fields, limits and defaults."),
    "check": ("models:check", "Validate a request body without sending it."),
    "doctor": ("doctor:doctor", "Check the settings, the API key, the network and the clock."),
    "listen": ("listen:listen", "Deliver callbacks to a machine that the internet cannot reach."),
    "inbox": ("inbox:inbox", "List a receiver's inbox and replay dead events."),
    "mcp": ("mcp:mcp", "Serve AI agents over the Model Context Protocol, within a budget."),
    "mock": ("mock:mock", "Run the simulator, `apikley-mock`."),
}
