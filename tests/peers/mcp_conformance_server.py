"""An MCP server with the tools, resources and prompts that the conformance suite calls. It knows nothing of
the gateway in front of it."""

import base64
import sys

from mcp.server.mcpserver import Audio, Context, Image, MCPServer
from mcp.server.mcpserver.prompts.base import UserMessage
from mcp_types import (
    EmbeddedResource,
    ImageContent,
    SamplingMessage,
    TextContent,
    TextResourceContents,
)
from pydantic import BaseModel, Field

# One pixel, and silence.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
WAV = b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x80\x3e\0\0\2\0\x10\0data\0\0\0\0"

server = MCPServer("conformance")


def embedded(uri):
    contents = TextResourceContents(uri=uri, mime_type="text/plain", text="An embedded text.")
    return EmbeddedResource(type="resource", resource=contents)


@server.tool()
def test_simple_text() -> str:
    """Answers with text."""
    return "This is a simple text response for testing."


@server.tool()
def test_image_content() -> Image:
    """Answers with an image."""
    return Image(data=PNG, format="png")


@server.tool()
def test_audio_content() -> Audio:
    """Answers with sound."""
    return Audio(data=WAV, format="wav")


@server.tool(structured_output=False)
def test_embedded_resource() -> list:
    """Answers with a resource."""
    return [embedded("test://embedded-resource")]


@server.tool(structured_output=False)
def test_multiple_content_types() -> list:
    """Answers with all of them."""
    text = TextContent(type="text", text="Multiple content types test:")
    return [text, Image(data=PNG, format="png"), embedded("test://mixed-content-resource")]


@server.tool()
async def test_tool_with_logging(ctx: Context) -> str:
    """Writes to the client's log."""
    for step in ["started", "processing data", "completed"]:
        await ctx.info(f"Tool execution {step}")
    return "logged"


@server.tool()
async def test_tool_with_progress(ctx: Context) -> str:
    """Reports its progress."""
    for progress in [0, 50, 100]:
        await ctx.report_progress(progress, 100)
    return "done"


@server.tool()
def test_error_handling() -> str:
    """Fails."""
    raise ValueError("This tool intentionally returns an error for testing")


@server.tool()
async def test_sampling(prompt: str, ctx: Context) -> str:
    """Asks the client's model."""
    message = SamplingMessage(role="user", content=TextContent(type="text", text=prompt))
    # In the answer to this call; the client's stream of its own may not be open yet, which loses the question.
    asked = {"max_tokens": 100, "related_request_id": ctx.request_id}
    answer = await ctx.session.create_message([message], **asked)
    return f"LLM response: {answer.content.text}"


class Person(BaseModel):
    """What a person is asked for."""

    username: str = Field(description="User's response")
    email: str = Field(description="User's email address")


@server.tool()
async def test_elicitation(message: str, ctx: Context) -> str:
    """Asks a person."""
    answer = await ctx.elicit(message, Person)
    return f"User response: {answer}"


@server.resource("test://static-text", mime_type="text/plain")
def static_text() -> str:
    """A text."""
    return "This is the content of the static text resource."


@server.resource("test://static-binary", mime_type="image/png")
def static_binary() -> bytes:
    """An image."""
    return PNG


@server.resource("test://template/{id}/data", mime_type="application/json")
def template(id: str) -> str:
    """A resource for each id."""
    return f'{{"id": "{id}", "templateTest": true, "data": "Data for ID: {id}"}}'


@server.prompt()
def test_simple_prompt() -> str:
    """A prompt."""
    return "This is a simple prompt for testing."


@server.prompt()
def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
    """A prompt with arguments."""
    return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"


@server.prompt()
def test_prompt_with_embedded_resource(resourceUri: str) -> list:
    """A prompt with a resource."""
    return [UserMessage(embedded(resourceUri)), UserMessage("Please process the embedded resource.")]


@server.prompt()
def test_prompt_with_image() -> list:
    """A prompt with an image."""
    data = base64.b64encode(PNG).decode()
    image = ImageContent(type="image", data=data, mime_type="image/png")
    return [UserMessage(image), UserMessage("Please analyze the image above.")]


server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
