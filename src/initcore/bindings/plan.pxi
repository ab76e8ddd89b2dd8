# Plans: checks and marshalling for plan.h. Every array that C will touch is one of the right type
# and size, C-contiguous and, where it is written, writable; it is kept as long as the plan.

cimport cython
from libc.math cimport INFINITY
from libc.stdint cimport SIZE_MAX, UINT64_MAX
from libc.stdlib cimport free, realloc


cdef double SIGNALS_EVERY = 0.05  # seconds


cdef void *grown(void *array, size_t count, size_t size) except NULL:
    """An array with room for `count` things, the old ones in front."""
    cdef void *larger = realloc(array, max(count, <size_t>1) * size)
    if larger == NULL:
        raise MemoryError("no memory for the plan of a run")
    return larger


@cython.final
@cython.auto_pickle(False)
cdef class _Plan:
    """The steps of a run as a flat list of jobs, for batches of at most `rows` samples.

    The arrays it is given are kept, read and written as long as it lives.
    """

    cdef ic_plan plan
    cdef ic_step *numbers_
    cdef list kept
    cdef tuple epoch  # the arrays that are kept until the next one
    cdef bint paired
    cdef size_t numbered, steps  # the first step without numbers; steps of the epoch, 0: not begun
    cdef readonly size_t at
    """The first step of the epoch that is not done."""

    def __cinit__(self, size_t samples, size_t rows, bint is_double, double clip_norm=INFINITY):
        self.kept = []
        if rows == 0:
            raise ValueError("rows=0 must be at least 1: the samples of a full batch")
        self.plan.samples, self.plan.batch = samples, rows
        self.plan.dtype = IC_F64 if is_double else IC_F32
        self.plan.clip_norm = clip_norm

    def __dealloc__(self):
        ic_plan_free(&self.plan)
        free(self.numbers_)

    cdef int real(self) noexcept:
        """The type of the numbers."""
        return cnp.NPY_FLOAT64 if self.plan.dtype == IC_F64 else cnp.NPY_FLOAT32

    cdef void *data(
        self, object array, str name, size_t size, bint written=False, int type_num=-1
    ) except NULL:
        """Where the elements of an array lie, so many, of the plan's type or of this one."""
        require_ndarray(array, name)
        cdef cnp.ndarray a = array
        cdef int wanted = self.real() if type_num < 0 else type_num
        if cnp.PyArray_TYPE(a) != wanted or not cnp.PyArray_ISCARRAY_RO(a):
            raise TypeError(
                f"{name} must be a C-contiguous array of {cnp.PyArray_DescrFromType(wanted)}, not "
                f"one of {a.dtype} with strides {(<object>a).strides}"
            )
        if <size_t>cnp.PyArray_SIZE(a) != size:
            raise ValueError(f"{name} has shape {shape_of(a)}; it must have {size} elements")
        if written:
            require_writable(a, name)
        self.kept.append(a)
        return cnp.PyArray_DATA(a)

    cdef ic_matrix matrix(
        self, object array, str name, size_t rows, size_t columns, bint written=False
    ) except *:
        """An array (rows, columns); one without data for None."""
        cdef ic_matrix m
        m.data, m.row, m.column = NULL, 0, 1
        if array is None:
            return m
        self.data(array, name, rows * columns, written)
        cdef cnp.ndarray a = array
        if cnp.PyArray_NDIM(a) != 2 or <size_t>cnp.PyArray_DIM(a, 1) != columns:
            raise ValueError(f"{name} has shape {shape_of(a)}; it must be ({rows}, {columns})")
        return matrix_of(a)

    def gather(self, source):
        """The array into which the rows of `source` (samples, ...), contiguous, are brought."""
        if self.plan.gather_count == IC_PLAN_GATHERS:
            raise ValueError(f"source: a plan gathers from at most {IC_PLAN_GATHERS} arrays")
        require_ndarray(source, "source")
        cdef cnp.ndarray a = source
        cdef int type_num = cnp.PyArray_TYPE(a)
        if type_num != self.real() and type_num != cnp.NPY_INT64:
            raise TypeError(f"source has dtype {a.dtype}; it must be the plan's, or int64")
        cdef tuple shape = shape_of(a)
        if not shape or <size_t>shape[0] != self.plan.samples:
            raise ValueError(f"source has shape {shape}; it must have {self.plan.samples} rows")
        cdef cnp.ndarray rows = np.zeros(
            (self.plan.batch, *shape[1:]), cnp.PyArray_DescrFromType(type_num)
        )
        cdef ic_plan_gather *g = &self.plan.gathers[self.plan.gather_count]
        g.source = <const char *>self.data(a, "source", cnp.PyArray_SIZE(a), False, type_num)
        g.to = <char *>self.data(rows, "rows", cnp.PyArray_SIZE(rows), True, type_num)
        g.bytes = cnp.PyArray_NBYTES(rows) // self.plan.batch
        g.limit = UINT64_MAX
        self.plan.gather_count += 1
        return rows

    cdef const int64_t *indices(
        self, object array, str name, size_t size, size_t limit
    ) except NULL:
        """Indices that `gather` gave: each must be below the limit, which every step checks."""
        cdef const int64_t *found = <const int64_t *>self.data(
            array, name, size, False, cnp.NPY_INT64
        )
        cdef size_t i
        cdef ic_plan_gather *g
        for i in range(self.plan.gather_count):
            g = &self.plan.gathers[i]
            if <const void *>g.to == <const void *>found and (
                size * sizeof(int64_t) <= g.bytes * self.plan.batch
            ):
                g.limit = min(g.limit, <uint64_t>limit)
                return found
        raise ValueError(f"{name} must be an array that gather gave")

    cdef ic_plan_layer *added(self, ic_plan_layer_kind kind) except NULL:
        """One more place in the list of layers."""
        self.require_open()
        cdef size_t count = self.plan.layer_count
        self.plan.layers = <ic_plan_layer *>grown(
            self.plan.layers, count + 1, sizeof(ic_plan_layer)
        )
        self.plan.layers[count].kind = kind
        self.plan.layer_count += 1
        return &self.plan.layers[count]

    cdef int require_open(self) except -1:
        if self.paired:
            raise ValueError("a plan takes no more layers and parameters once pair was called")
        return 0

    def op(
        self, str kernel, size_t each, size_t rows, size_t n, *, bint backward=False,
        double number=0.0, bint centered=False, bint unbiased=False, activation="identity",
        **arrays,
    ):
        """Add a kernel of layers.h: see `_layer`; `each` rows for each of the batch, or `rows`."""
        cdef ic_layer job
        if each and self.plan.batch > <size_t>INTPTR_MAX // each:
            raise ValueError(f"each={each} is more rows than an array can have")
        cdef size_t all_rows = self.plan.batch * each if each else rows
        cdef ic_layer_kernel code = layer_of(
            &job, kernel, all_rows, n, number, centered, unbiased, activation, arrays
        )
        if cnp.PyArray_TYPE(arrays["y" if arrays.get("y") is not None else "x"]) != self.real():
            raise TypeError("y must be of the plan's type")
        if job.index != NULL:
            self.indices(arrays["index"], "index", all_rows, job.words)
        self.kept.append(arrays)
        cdef ic_plan_op *op = &self.added(IC_PLAN_OP).job.op
        op.kernel, op.backward, op.each = code, backward, each
        op.job = job

    def mask(self, mask, double p, seed, stream_id):
        """Add the drawing of a mask (batch, ...), True with probability p."""
        cdef ic_stream stream = stream_of(word64(seed, "seed"), word64(stream_id, "stream_id"))
        require_ndarray(mask, "mask")
        cdef size_t each = <size_t>cnp.PyArray_SIZE(mask) // self.plan.batch
        cdef void *to = self.data(mask, "mask", each * self.plan.batch, True, cnp.NPY_BOOL)
        cdef ic_plan_mask *job = &self.added(IC_PLAN_MASK).job.mask
        job.mask, job.each = <unsigned char *>to, each
        job.stream, job.p = stream, p

    def dense(self, x, y, z, dy, dx, w, b, dw, db, activation, probed_z):
        """Add a dense layer; z, where backward reads y, dx, b, db and probed_z may be None."""
        cdef ic_plan_dense dense
        cdef ic_dense_forward *forward = &dense.forward
        cdef ic_dense_backward *backward = &dense.backward
        forward.phi = backward.phi = phi_of(activation)
        require_ndarray(w, "w")
        if cnp.PyArray_NDIM(w) != 2:
            raise ValueError(f"w has shape {shape_of(w)}; it must be (n_out, n_in)")
        cdef size_t batch = self.plan.batch
        cdef size_t n_out = cnp.PyArray_DIM(w, 0), n_in = cnp.PyArray_DIM(w, 1)
        forward.batch = backward.batch = batch
        forward.n_in = backward.n_in = n_in
        forward.n_out = backward.n_out = n_out
        require_ndarray(x, "x")
        require_ndarray(y, "y")
        require_ndarray(dy, "dy")
        forward.x = backward.x = self.matrix(x, "x", batch, n_in)
        forward.y = self.matrix(y, "y", batch, n_out, True)
        forward.z = self.matrix(z, "z", batch, n_out, True)
        backward.saved = forward.y if z is None else forward.z
        forward.w = backward.w = self.matrix(w, "w", n_out, n_in)
        forward.b, forward.b_stride = NULL if b is None else self.data(b, "b", n_out), 1
        backward.dx = self.matrix(dx, "dx", batch, n_in, True)
        backward.dw = self.matrix(dw, "dw", n_out, n_in, True)
        backward.dy = self.matrix(dy, "dy", batch, n_out)
        backward.db = NULL if db is None else self.data(db, "db", n_out, True)
        backward.db_stride = 1
        backward.accumulate = 0
        dense.probed_z = self.matrix(probed_z, "probed_z", batch, n_out, True)
        self.added(IC_PLAN_DENSE).job.dense = dense

    def probe(self, z, y, dy, dz, activation, double low, double high):
        """Add the recording of y = phi(z) (batch, ..., n), the layer before; dz may be None."""
        cdef ic_plan_probe probe
        probe.phi = phi_of(activation)
        require_ndarray(y, "y")
        cdef size_t size = cnp.PyArray_SIZE(y)
        cdef int ndim = cnp.PyArray_NDIM(y)
        if size == 0 or ndim < 2 or <size_t>cnp.PyArray_DIM(y, 0) != self.plan.batch:
            raise ValueError(
                f"y has shape {shape_of(y)}; it must be ({self.plan.batch}, ..., n), without a 0"
            )
        probe.z, probe.y = self.data(z, "z", size), self.data(y, "y", size)
        probe.dy = self.data(dy, "dy", size)
        probe.dz = NULL if dz is None else self.data(dz, "dz", size, True)
        probe.n = cnp.PyArray_DIM(y, ndim - 1)
        probe.each = size // (probe.n * self.plan.batch)
        probe.low, probe.high = low, high
        probe.at = self.plan.record_columns
        self.added(IC_PLAN_PROBE).job.probe = probe
        self.plan.record_columns += IC_PLAN_LAYER_FACTS

    def record_parameters(self, size_t every, before):
        """Record every so many steps, the parameters too; `before` has room for the largest.

        Call it once, after `pair`.
        """
        cdef size_t i, largest = 0
        if not self.paired or self.plan.probe_every != 0 or every == 0:
            raise ValueError("record_parameters is called once, after pair, with every > 0")
        for i in range(self.plan.parameter_count):
            largest = max(largest, self.plan.parameters[i].n)
        require_ndarray(before, "before")
        if <size_t>cnp.PyArray_SIZE(before) < largest:
            raise ValueError(f"before has shape {shape_of(before)}; it needs {largest} elements")
        self.plan.before = self.data(before, "before", cnp.PyArray_SIZE(before), True)
        self.plan.probe_every = every
        self.plan.record_columns += self.plan.parameter_count * IC_PLAN_PARAMETER_FACTS

    @property
    def record_columns(self):
        """How many numbers there are of a step that is recorded."""
        return self.plan.record_columns

    def softmax(self, y, dy, labels):
        """Take the cross-entropy of softmax(y) under labels."""
        cdef size_t columns = self.loss_columns(y)
        cdef const int64_t *found = self.indices(labels, "labels", self.plan.batch, columns)
        self.set_loss(IC_PLAN_SOFTMAX, y, dy)
        self.plan.loss.labels = found

    def cross_entropy(self, y, dy, t, labels, peaks, weights):
        """Take it under any targets: see `cross_entropy`; labels and peaks, weights may be None."""
        cdef ic_cross_entropy job
        cdef size_t batch = self.plan.batch, columns = self.loss_columns(y)
        require_ndarray(t, "t")
        if cnp.PyArray_NDIM(t) == 1:
            self.data(t, "t", columns)
            job.t = matrix_of(t)
        else:
            job.t = self.matrix(t, "t", batch, columns)
        if (labels is None) != (peaks is None):
            raise ValueError("labels and peaks belong together: pass both, or neither")
        job.labels, job.label_stride, job.peaks = NULL, 1, NULL
        if labels is not None:
            job.labels = self.indices(labels, "labels", batch, columns)
            job.peaks = self.data(peaks, "peaks", columns)
        job.weights, job.weight_stride = self.weights(weights), 1
        self.set_loss(IC_PLAN_CROSS_ENTROPY, y, dy)
        job.z, job.columns = self.plan.loss.y, columns
        self.plan.loss.job.entropy = job

    def squared(self, y, dy, t):
        """Take the mean squared error."""
        require_ndarray(t, "t")
        cdef ic_matrix target = self.matrix(t, "t", self.plan.batch, self.loss_columns(y))
        self.set_loss(IC_PLAN_SQUARED, y, dy)
        self.plan.loss.t = target

    def errors(self, str error, double a, double b, y, dy, t, weights):
        """Take a mean of errors: see `error_loss`; weights may be None."""
        cdef ic_errors job
        job.name, job.a, job.b = ERRORS[error], a, b
        require_ndarray(t, "t")
        job.columns = self.loss_columns(y)
        job.t = self.matrix(t, "t", self.plan.batch, job.columns)
        job.weights, job.weight_stride = self.weights(weights), 1
        self.set_loss(IC_PLAN_ERRORS, y, dy)
        job.y = self.plan.loss.y
        self.plan.loss.job.errors = job

    cdef size_t loss_columns(self, object y) except 0:
        """The columns of the outputs that a loss is taken of."""
        require_ndarray(y, "y")
        if cnp.PyArray_NDIM(y) != 2 or cnp.PyArray_DIM(y, 1) == 0:
            raise ValueError(f"y has shape {shape_of(y)}; it must be (batch, columns)")
        return cnp.PyArray_DIM(y, 1)

    cdef const void *weights(self, object weights) except? NULL:
        return NULL if weights is None else self.data(weights, "weights", self.plan.batch)

    cdef int set_loss(self, ic_plan_loss_kind kind, y, dy) except -1:
        if self.plan.loss.y.data != NULL:
            raise ValueError("a plan has one loss")
        cdef size_t columns = self.loss_columns(y)
        require_ndarray(dy, "dy")
        self.plan.loss.dy = self.matrix(dy, "dy", self.plan.batch, columns, True)
        self.plan.loss.y = self.matrix(y, "y", self.plan.batch, columns)
        self.plan.loss.kind, self.plan.loss.columns = kind, columns
        return 0

    def count(self, classes):
        """Count the rows whose largest output is that of their class; call after the loss is said.
        """
        if self.plan.loss.y.data == NULL:
            raise ValueError("count is called once the loss is said: its outputs are counted")
        self.plan.classes = self.indices(
            classes, "classes", self.plan.batch, self.plan.loss.columns
        )

    def count_sides(self):
        """Count the outputs that are above 0 where their target, of `errors`, is above 1/2."""
        if self.plan.loss.kind != IC_PLAN_ERRORS:
            raise RuntimeError("count_sides: add the loss with errors() first")
        self.plan.count_sides = 1

    def parameter(self, p, g, first, second, size_t numbers):
        """Add a parameter, which takes the step's numbers of this index."""
        self.require_open()
        require_ndarray(p, "p")
        cdef ic_plan_parameter new
        new.n, new.numbers = cnp.PyArray_SIZE(p), numbers
        new.p, new.g = self.data(p, "p", new.n, True), self.data(g, "g", new.n)
        new.first = NULL if first is None else self.data(first, "first", new.n, True)
        new.second = NULL if second is None else self.data(second, "second", new.n, True)
        cdef size_t count = self.plan.parameter_count
        self.plan.parameters = <ic_plan_parameter *>grown(
            self.plan.parameters, count + 1, sizeof(ic_plan_parameter)
        )
        self.plan.parameters[count] = new
        self.plan.parameter_count += 1

    def pair(self):
        """Find out which parameters may be moved early; call when all layers and they are there."""
        self.require_open()
        ic_plan_pair(&self.plan)
        self.paired = True

    def numbers(self, str rule, list numbers, size_t each, size_t first):
        """Set the numbers of steps from `first` on, `each` for a step, as dicts; or one for all.

        They are those of `optimizer_step`.
        """
        cdef size_t i
        cdef dict given
        cdef ic_step *step
        cdef ic_rule which = RULES[rule]
        cdef ic_plan_parameter *p
        if each == 0 or not numbers or len(numbers) % each != 0:
            raise ValueError(f"numbers has {len(numbers)} entries; it needs {each} for each step")
        for i in range(self.plan.parameter_count):
            p = &self.plan.parameters[i]
            if p.numbers >= each:
                raise ValueError(f"each={each} must be above {p.numbers}, a parameter's index")
            if (which == IC_ADAM and p.first == NULL) or (which != IC_SGD and p.second == NULL):
                raise ValueError(f"rule={rule!r} needs arrays that a parameter was not given")
        self.numbered = 0
        self.numbers_ = <ic_step *>grown(self.numbers_, len(numbers), sizeof(ic_step))
        for i in range(len(numbers)):
            given, step = numbers[i], &self.numbers_[i]
            step.rule = which
            step.nesterov = given.get("nesterov", False)
            step.rate, step.clip = given["lr"], 1.0
            step.decay, step.shrink = given.get("decay", 0.0), given.get("shrink", 1.0)
            step.momentum, step.memory = given.get("momentum", 0.0), given.get("memory", 0.0)
            step.root, step.epsilon = given.get("root", 1.0), given.get("epsilon", 0.0)
        self.plan.numbers, self.plan.first = self.numbers_, first
        self.plan.numbers_step = 0 if <size_t>len(numbers) == each else each
        self.numbered = SIZE_MAX if self.plan.numbers_step == 0 else first + len(numbers) // each

    def begin(self, order, losses, uint64_t steps_before, record):
        """Begin an epoch that takes the samples in this order (int64), after so many steps.

        `record` has a row for each step that is recorded, or is None.
        """
        cdef size_t samples = self.plan.samples, i
        cdef size_t steps = (samples + self.plan.batch - 1) // self.plan.batch
        if not self.paired or self.plan.loss.y.data == NULL:
            raise ValueError("begin is called once the loss is said, and after pair")
        self.steps = 0
        self.epoch = (np.array(order, order="C"), losses, record)  # the order is nobody else's
        self.plan.order = <const int64_t *>self.borrowed(
            self.epoch[0], "order", samples, False, cnp.NPY_INT64
        )
        for i in range(samples):
            if <uint64_t>self.plan.order[i] >= samples:
                raise ValueError(f"order[{i}]={self.plan.order[i]} must be a sample's number")
        self.plan.losses = <double *>self.borrowed(losses, "losses", steps, True, cnp.NPY_FLOAT64)
        cdef uint64_t every = self.plan.probe_every, recorded = 0
        if every > 0:
            recorded = (steps_before + steps + every - 1) // every
            recorded -= (steps_before + every - 1) // every
            self.plan.record = <double *>self.borrowed(
                record, "record", recorded * self.plan.record_columns, True, cnp.NPY_FLOAT64
            )
        self.plan.steps_before, self.steps = steps_before, steps
        self.plan.right, self.at = 0, 0

    cdef void *borrowed(
        self, object array, str name, size_t size, bint written, int type_num
    ) except NULL:
        """`data` of an array that is not kept as long as the plan."""
        cdef void *found = self.data(array, name, size, written, type_num)
        self.kept.pop()
        return found

    cdef int require_numbers_until(self, size_t end) except -1:
        """The epoch has this many steps, and their numbers are said."""
        if end > self.steps or end > self.numbered or self.at < self.plan.first:
            raise ValueError(
                f"end={end} must be at most {min(self.steps, self.numbered)}: the steps of the "
                f"epoch whose numbers are said"
            )
        return 0

    def run(self, size_t end):
        """Take the steps before `end`. False if the loss of step `at` is not finite.

        That step's gradients are there; `update` finishes it.
        """
        self.require_numbers_until(end)
        kernels_in_use()
        cdef ic_plan_end how = IC_PLAN_TIME
        while how == IC_PLAN_TIME:
            with nogil:
                how = ic_plan_run(&self.plan, &self.at, end, SIGNALS_EVERY)
            PyErr_CheckSignals()
        require_memory(how)
        if how == IC_PLAN_OUTSIDE:
            raise ValueError(
                f"sample {self.plan.outside.sample} has the index or label "
                f"{self.plan.outside.index}, which must be from 0 to "
                f"{<int64_t>self.plan.outside.limit - 1}: the data were changed while the run "
                f"read them; change a copy"
            )
        return how == IC_PLAN_DONE

    def update(self):
        """Move the parameters by the gradients of step `at`."""
        self.require_numbers_until(self.at + 1)
        cdef ic_plan_end how
        with nogil:
            how = ic_plan_update(&self.plan, self.at)
        require_memory(how)
        self.at += 1

    def outputs(self, x):
        """The outputs for the samples x, contiguous; of a plan of dense layers alone, else None."""
        cdef size_t i, rows, widest = 0, columns = 0, n_in = 0
        cdef ic_dense_forward *layer
        for i in range(self.plan.layer_count):
            if self.plan.layers[i].kind == IC_PLAN_DENSE:
                layer = &self.plan.layers[i].job.dense.forward
                if columns == 0:
                    n_in = layer.n_in
                elif layer.n_in != columns:
                    return None
                columns = layer.n_out
                widest = max(widest, columns)
            elif self.plan.layers[i].kind != IC_PLAN_PROBE:
                return None
        if columns == 0:
            return None
        require_ndarray(x, "x")
        if cnp.PyArray_NDIM(x) == 0:
            raise ValueError("x has shape (); it must have a row for each sample")
        rows = cnp.PyArray_DIM(x, 0)
        cdef const void *source = self.borrowed(x, "x", rows * n_in, False, self.real())
        cdef cnp.ndarray out = np.empty((rows, columns), cnp.PyArray_DescrFromType(self.real()))
        cdef cnp.ndarray room = np.empty((2, rows, widest), (<object>out).dtype)
        cdef char *a = <char *>cnp.PyArray_DATA(room)
        cdef char *b = a + cnp.PyArray_NBYTES(room) // 2
        cdef void *to = cnp.PyArray_DATA(out)
        cdef int status
        kernels_in_use()
        with nogil:
            status = ic_plan_outputs(&self.plan, to, a, b, source, rows)
        if status != 0:
            raise MemoryError("no memory for the workspace of a pass through the layers")
        return out

    @property
    def right(self):
        """Rows of the epoch so far that `count` found right, or outputs."""
        return self.plan.right

    @property
    def norm(self):
        """Norm of the gradients of the epoch's first step."""
        return self.plan.norm


cdef int require_memory(ic_plan_end how) except -1:
    if how == IC_PLAN_NO_MEMORY:
        raise MemoryError("no memory for the workspace of a training step")
    return 0


def _order(words):
    """The places of uniform uint64 words, contiguous, in the order of the words; stable."""
    cdef cnp.ndarray found = words
    cdef size_t n = cnp.PyArray_SIZE(found)
    cdef cnp.ndarray order = np.empty(n, np.int64), buckets = np.empty(n + 2, np.uint64)
    cdef int64_t *to = <int64_t *>cnp.PyArray_DATA(order)
    cdef const uint64_t *source = <const uint64_t *>cnp.PyArray_DATA(found)
    cdef uint64_t *room = <uint64_t *>cnp.PyArray_DATA(buckets)
    with nogil:
        ic_order(to, source, n, room)
    return order
