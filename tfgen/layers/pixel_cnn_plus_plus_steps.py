"""PixelCNN++ in the order in which an image is drawn: what is known is kept, not computed again."""

from __future__ import annotations

from typing import Any, List, NamedTuple, Tuple

import tensorflow as tf

from tfgen.layers.frozen_convolution import zeros_array
from tfgen.layers.gated_residual import RowMemory
from tfgen.layers.residual_stream import BlockPlace

__all__ = ["PixelCNNPlusPlusSteps"]


class RowState(NamedTuple):
    """What the rows above leave to a row at one level; l is the level, F the filters.

    Attributes:
      memory: of the blocks of the stream of the rows above, a tuple of RowMemory.
      reduce: the last input row of that stream's strided convolution, [B, 1, W_l, F].
      expanded: the two rows that the levels below have made, [B, 2, W_l, F].
      contexts: what is known of each pixel of the row, [W_l, B, channels]: the share of the rows
        above in the input of the level, then the contexts of its blocks.

    reduce and expanded are empty at the last level.
    """

    memory: Tuple[RowMemory, ...]
    reduce: Any
    expanded: Any
    contexts: tf.Tensor


class PixelState(NamedTuple):
    """What drawn pixels leave to others at one level.

    Attributes:
      records: of the pixels of the newest row, and from the current column on of the row above;
        entry j + 1 is that of column j and entry 0 zeros, [B, channels] each: the records of the
        blocks, then the input of the strided convolution.
      expanded: the four pixels that each pixel of the level below has made, [B, 4 F] each; empty at
        the last level.
    """

    records: tf.TensorArray
    expanded: Any


class PixelCNNPlusPlusSteps:
    """The network for images of one size, row by row and pixel by pixel (`sample_pixels`).

    At the start of a row the stream of the rows above is computed for the row, and for all of its
    pixels whatever of the other stream depends on rows above alone. A pixel then takes two products
    of a vector and a matrix for each block. A level is computed in every second row and column of
    the level before; what it made is kept for the three other pixels.

    Args:
      network: a `PixelCNNPlusPlus`.
      batch, height, width: of the images.
      given: maps of the conditioning by place, or None.
    """

    def __init__(self, network, batch, height: int, width: int, given):
        self._batch = batch
        self._width = width
        self._input_size = network.input_size
        self._filters = network.filters
        self._levels = network.levels
        self._given = given
        self._before = network.before
        self._rows_above = network.rows_above.frozen()
        self._row_above = network.row_above.frozen()
        self._left = network.left.frozen()
        self._head = network.head.frozen()
        self._places: List[List[BlockPlace]] = [
            list(network.before.places(level)) for level in range(network.levels)
        ]
        self._above_blocks, self._before_blocks = (
            {
                place: stream.block(place).frozen()
                for level in range(network.levels)
                for place in stream.places(level)
            }
            for stream in (network.above, network.before)
        )
        self._above_reduce, self._before_reduce = (
            [layer.frozen() for layer in stream.reduce]
            for stream in (network.above, network.before)
        )
        self._above_expand, self._before_expand = (
            [layer.frozen() for layer in stream.expand]
            for stream in (network.above, network.before)
        )

    def initial(self) -> Tuple[Any, Any]:
        """The states before the first row: of rows, and of pixels."""
        batch, filters, width = self._batch, self._filters, self._width
        rows, pixels = [], []
        for level, places in enumerate(self._places):
            last = level == self._levels - 1
            block = self._before_blocks[places[0]]
            channels = filters + len(places) * block.context_size
            rows.append(
                RowState(
                    tuple(self._above_blocks[place].empty_memory(batch, width) for place in places),
                    () if last else tf.zeros([batch, 1, width, filters]),
                    () if last else tf.zeros([batch, 2, width, filters]),
                    tf.zeros([width, batch, channels]),
                )
            )
            channels = len(places) * block.record_size + (0 if last else filters)
            records = zeros_array([width + 1, batch, channels])
            width //= 2
            pixels.append(
                PixelState(records, () if last else zeros_array([width, batch, 4 * filters]))
            )
        inputs = zeros_array([self._width + 1, batch, self._input_size + 1])
        window = tf.zeros([batch, 2, self._width, self._input_size + 1])
        return (window, tuple(rows)), (inputs, tuple(pixels))

    def start_row(self, row: tf.Tensor, row_state, pixel_state):
        """The row state for this row, from the states after the row above."""
        window, rows = row_state
        inputs, pixels = pixel_state
        newest = tf.transpose(inputs.stack()[1:], [1, 0, 2])[:, tf.newaxis]
        window = tf.concat([window[:, 1:], newest], axis=1)
        share = self._row_above.row(newest) + self._left.share_of_above(newest)
        _, rows = self._start_level(0, row, self._rows_above.row(window), share, rows, pixels)
        return window, rows

    def pixel(self, row: tf.Tensor, column: tf.Tensor, row_state, pixel_state):
        """Outputs [B, output size] at a pixel, and the pixel state after it."""
        inputs, pixels = pixel_state
        contexts = [state.contexts for state in row_state[1]]
        x = tf.matmul(inputs.read(column), self._left.here)
        y, records, expanded = self._pixel(0, row, column, x, contexts, pixels)
        written = []
        for level, state in enumerate(pixels):
            column_here = column // 2**level
            new = state._replace(records=state.records.write(column_here + 1, records[level]))
            if level < self._levels - 1:
                array = state.expanded.write(column_here // 2, expanded[level])
                new = new._replace(expanded=array)
            written.append(new)
        outputs = tf.matmul(tf.nn.elu(y), self._head.here) + self._head.bias
        return outputs, (inputs, tuple(written))

    def put(self, column: tf.Tensor, pixel: tf.Tensor, pixel_state):
        """The pixel state with a drawn pixel, [B, input size]."""
        inputs, pixels = pixel_state
        pixel = tf.concat([pixel, tf.ones_like(pixel[:, :1])], axis=-1)
        return inputs.write(column + 1, pixel), pixels

    def drawn_row(self, pixel_state) -> tf.Tensor:
        """Pixels of the row that is drawn, [W, B, input size]."""
        return pixel_state[0].stack()[1:, :, :-1]

    def _start_level(self, level, row, x, share, rows, pixels):
        """Output of the rows' stream at one level, and the row states from this level on."""
        state, deeper = rows[0], rows[1:]
        places = self._places[level]
        memory = dict(zip(places, state.memory))
        above = tf.transpose(pixels[level].records.stack()[1:], [1, 0, 2])
        records = _split(above, self._record_sizes(level))
        contexts = [share]
        changed = {}

        def run(place, x, skip):
            given = self._given_row(place, row)
            sides = [] if skip is None else [skip]
            y, memory[place] = self._above_blocks[place].row(x, memory[place], sides, given)
            record = records[len(contexts) - 1]
            contexts.append(self._before_blocks[place].prepare(record, y, given))
            return y

        def coarser(_, x):
            window = tf.concat([state.reduce, x[:, tf.newaxis]], axis=1)

            def compute():
                below = self._above_reduce[level].row(window)
                share = self._before_reduce[level].share_of_above(records[-1][:, tf.newaxis])
                y, states = self._start_level(level + 1, row // 2, below, share, deeper, pixels)
                expand = self._above_expand[level]
                return tf.nn.depth_to_space(expand.each(y)[:, tf.newaxis], 2), states

            def keep():
                return state.expanded, deeper

            two_rows, states = tf.cond(row % 2 == 0, compute, keep)
            changed.update(reduce=window[:, 1:], expanded=two_rows, deeper=states)
            return two_rows[:, row % 2]

        y = self._before.walk(x, run, coarser, level)
        states = changed.pop("deeper", ())
        state = state._replace(
            memory=tuple(memory[place] for place in places),
            contexts=tf.transpose(tf.concat(contexts, axis=-1), [1, 0, 2]),
            **changed,
        )
        return y, (state, *states)

    def _pixel(self, level, row, column, x, contexts, pixels):
        """Output at a pixel of one level; records and expanded pixels from this level on."""
        state, filters = pixels[level], self._filters
        sizes = self._record_sizes(level)
        left = _split(state.records.read(column), sizes)
        places = self._places[level]
        context_sizes = [self._before_blocks[place].context_size for place in places]
        parts = _split(contexts[level][column], [filters, *context_sizes])
        record, below = [], {"records": [], "expanded": []}

        def run(place, x, skip):
            index = len(record)
            y, new = self._before_blocks[place].pixel(x, left[index], parts[1 + index], skip)
            record.append(new)
            return y

        def coarser(_, x):
            below["input"] = [x]

            def compute():
                matrix = self._before_reduce[level].here
                start = tf.matmul(tf.concat([left[-1], x], axis=-1), matrix)
                y, records, expanded = self._pixel(
                    level + 1, row // 2, column // 2, start, contexts, pixels
                )
                expand = self._before_expand[level]
                return records, [expand.each(y), *expanded]

            def keep():
                records, expanded = [], []
                for deeper in range(level, self._levels - 1):
                    place = column // 2 ** (deeper + 1 - level)
                    expanded.append(pixels[deeper].expanded.read(place))
                    records.append(pixels[deeper + 1].records.read(place + 1))
                return records, expanded

            is_new = tf.logical_and(row % 2 == 0, column % 2 == 0)
            below["records"], below["expanded"] = tf.cond(is_new, compute, keep)
            four = tf.reshape(below["expanded"][0], [-1, 4, filters])
            return four[:, 2 * (row % 2) + column % 2]

        y = self._before.walk(x + parts[0], run, coarser, level)
        record = tf.concat(record + below.get("input", []), axis=-1)
        return y, [record, *below["records"]], below["expanded"]

    def _record_sizes(self, level):
        places = self._places[level]
        sizes = [self._before_blocks[place].record_size for place in places]
        return sizes + ([self._filters] if level < self._levels - 1 else [])

    def _given_row(self, place, row):
        """The conditioning of a block in a row of its level, [B, W or 1, filters], or None."""
        if self._given is None:
            return None
        maps = self._given[place]
        return maps[:, 0] if maps.shape[1] == 1 else maps[:, row]


def _split(packed, sizes):
    return tf.split(packed, sizes, axis=-1)
