"""What most plugins do, and no more: reads a JSON body, changes one value, writes it. As the guests in Rust and JavaScript beside it."""

from sluicebox_sdk import Event, Message, emit, transform


@transform
def bench_python(event: Event):
    """Marks the order as seen."""
    order = event.json()
    order["seen"] = True
    return emit(Message.json(order))
