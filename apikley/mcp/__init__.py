"""An MCP server, so that AI agents can make videos within a budget. Needs the extra `mcp`.

`apikley mcp` runs it. The tools are in `tools`, what they may do is in `options`.
"""
