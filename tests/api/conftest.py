from tests.adapters.once import converted_once

__all__ = ["converted_once"]
