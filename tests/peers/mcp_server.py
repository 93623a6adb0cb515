"""An MCP server that knows nothing of the gateway in front of it."""

import asyncio
import sys

from mcp.server.mcpserver import Context, MCPServer

server = MCPServer("tools")


@server.tool()
def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


@server.tool()
def erase(what: str) -> str:
    """Erases something."""
    return f"erased {what}"


@server.tool()
async def wait(ctx: Context) -> str:
    """Begins, and does not end."""
    await ctx.report_progress(1, 2)
    await asyncio.Event().wait()
    return "never"


server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
