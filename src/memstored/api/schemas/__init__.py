"""The shapes of requests and answers, as pydantic models: they check bodies and make the OpenAPI document."""
