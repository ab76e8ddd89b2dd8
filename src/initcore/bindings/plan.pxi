# Plans: marshalling for plan.h. What fills one has checked shapes, types and aliasing.

cimport cython
from cpython.exc cimport PyErr_CheckSignals
from libc.math cimport INFINITY
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
    cdef readonly size_t at
    """The first step of the epoch that is not done."""

    def __cinit__(self, size_t samples, size_t rows, bint is_double, double clip_norm=INFINITY):
        self.kept = []
        self.plan.samples, self.plan.batch = samples, rows
        self.plan.dtype = IC_F64 if is_double else IC_F32
        self.plan.clip_norm = clip_norm

    def __dealloc__(self):
        ic_plan_free(&self.plan)
        free(self.numbers_)

    cdef void *data(self, cnp.ndarray array) noexcept:
        if array is None:
            return NULL
        self.kept.append(array)
        return cnp.PyArray_DATA(array)

    cdef ic_matrix matrix(self, cnp.ndarray array):
        cdef ic_matrix none
        none.data, none.row, none.column = NULL, 0, 1
        if array is None:
            return none
        self.kept.append(array)
        return matrix_of(array)

    def gather(self, cnp.ndarray source):
        """The array into which the rows of `source` (samples, ...), contiguous, are brought."""
        if self.plan.gather_count == IC_PLAN_GATHERS:
            raise ValueError(f"source: a plan gathers from at most {IC_PLAN_GATHERS} arrays")
        cdef tuple shape = shape_of(source)
        cdef cnp.ndarray rows = np.zeros((self.plan.batch, *shape[1:]), source.dtype)
        cdef ic_plan_gather *g = &self.plan.gathers[self.plan.gather_count]
        g.source, g.to = <const char *>self.data(source), <char *>self.data(rows)
        g.bytes = cnp.PyArray_NBYTES(source) // shape[0]
        self.plan.gather_count += 1
        return rows

    cdef ic_plan_layer *added(self, ic_plan_layer_kind kind) except NULL:
        """One more place in the list of layers."""
        cdef size_t count = self.plan.layer_count
        self.plan.layers = <ic_plan_layer *>grown(
            self.plan.layers, count + 1, sizeof(ic_plan_layer)
        )
        self.plan.layers[count].kind = kind
        self.plan.layer_count += 1
        return &self.plan.layers[count]

    def op(
        self, str kernel, size_t each, size_t rows, size_t n, *, bint backward=False,
        double number=0.0, bint centered=False, bint unbiased=False, activation="identity",
        **arrays,
    ):
        """Add a kernel of layers.h: see `_layer`; `each` rows for each of the batch, or `rows`."""
        cdef ic_layer job
        cdef size_t all_rows = self.plan.batch * each if each else rows
        cdef ic_layer_kernel code = layer_of(
            &job, kernel, all_rows, n, number, centered, unbiased, activation, arrays
        )
        self.kept.append(arrays)
        cdef ic_plan_op *op = &self.added(IC_PLAN_OP).job.op
        op.kernel, op.backward, op.each = code, backward, each
        op.job = job

    def mask(self, cnp.ndarray mask, double p, seed, stream_id):
        """Add the drawing of a mask (batch, ...), True with probability p."""
        cdef ic_plan_mask *job = &self.added(IC_PLAN_MASK).job.mask
        cdef uint64_t key = word64(seed, "seed"), ident = word64(stream_id, "stream_id")
        job.mask = <unsigned char *>self.data(mask)
        job.each = cnp.PyArray_SIZE(mask) // self.plan.batch
        job.stream.key[0], job.stream.key[1] = <uint32_t>key, <uint32_t>(key >> 32)
        job.stream.id[0], job.stream.id[1] = <uint32_t>ident, <uint32_t>(ident >> 32)
        job.p = p

    def dense(self, x, y, z, dy, dx, w, b, dw, db, activation, probed_z):
        """Add a dense layer; z, where backward reads y, dx, b, db and probed_z may be None."""
        cdef ic_plan_layer *layer = self.added(IC_PLAN_DENSE)
        cdef ic_dense_forward *forward = &layer.job.dense.forward
        cdef ic_dense_backward *backward = &layer.job.dense.backward
        forward.batch = backward.batch = self.plan.batch
        forward.n_in = backward.n_in = w.shape[1]
        forward.n_out = backward.n_out = w.shape[0]
        forward.phi = backward.phi = phi_of(activation)
        forward.x = backward.x = self.matrix(x)
        forward.y, forward.z = self.matrix(y), self.matrix(z)
        backward.saved = self.matrix(y if z is None else z)
        forward.w = backward.w = self.matrix(w)
        forward.b, forward.b_stride = self.data(b), 1
        backward.dx, backward.dw, backward.dy = self.matrix(dx), self.matrix(dw), self.matrix(dy)
        backward.db, backward.db_stride = self.data(db), 1
        backward.accumulate = 0
        layer.job.dense.probed_z = self.matrix(probed_z)

    def probe(self, z, y, dy, dz, activation, double low, double high):
        """Add the recording of y = phi(z) (batch, ..., n), the layer before; dz may be None."""
        cdef ic_plan_probe *probe = &self.added(IC_PLAN_PROBE).job.probe
        probe.phi = phi_of(activation)
        probe.z, probe.y = self.data(z), self.data(y)
        probe.dy, probe.dz = self.data(dy), self.data(dz)
        probe.n = y.shape[y.ndim - 1]
        probe.each = y.size // (probe.n * self.plan.batch)
        probe.low, probe.high = low, high
        probe.at = self.plan.record_columns
        self.plan.record_columns += IC_PLAN_LAYER_FACTS

    def record_parameters(self, size_t every, cnp.ndarray before):
        """Record every so many steps, the parameters too; `before` has room for the largest."""
        self.plan.probe_every, self.plan.before = every, self.data(before)
        self.plan.record_columns += self.plan.parameter_count * IC_PLAN_PARAMETER_FACTS

    @property
    def record_columns(self):
        """How many numbers there are of a step that is recorded."""
        return self.plan.record_columns

    def softmax(self, y, dy, labels):
        """Take the cross-entropy of softmax(y) under labels."""
        self.set_loss(IC_PLAN_SOFTMAX, y, dy)
        self.plan.loss.labels = <const int64_t *>self.data(labels)

    def cross_entropy(self, y, dy, t, labels, peaks, weights):
        """Take it under any targets: see `cross_entropy`; labels and peaks, weights may be None."""
        self.set_loss(IC_PLAN_CROSS_ENTROPY, y, dy)
        cdef ic_cross_entropy *job = &self.plan.loss.job.entropy
        job.z, job.t = self.plan.loss.y, self.matrix(t)
        job.labels, job.label_stride = <const int64_t *>self.data(labels), 1
        job.peaks = self.data(peaks)
        job.weights, job.weight_stride = self.data(weights), 1
        job.columns = self.plan.loss.columns

    def squared(self, y, dy, t):
        """Take the mean squared error."""
        self.set_loss(IC_PLAN_SQUARED, y, dy)
        self.plan.loss.t = self.matrix(t)

    def errors(self, str error, double a, double b, y, dy, t, weights):
        """Take a mean of errors: see `error_loss`; weights may be None."""
        self.set_loss(IC_PLAN_ERRORS, y, dy)
        cdef ic_errors *job = &self.plan.loss.job.errors
        job.name, job.a, job.b = ERRORS[error], a, b
        job.y, job.t = self.plan.loss.y, self.matrix(t)
        job.weights, job.weight_stride = self.data(weights), 1
        job.columns = self.plan.loss.columns

    cdef int set_loss(self, ic_plan_loss_kind kind, y, dy) except -1:
        self.plan.loss.kind = kind
        self.plan.loss.y, self.plan.loss.dy = self.matrix(y), self.matrix(dy)
        self.plan.loss.columns = y.shape[1]
        return 0

    def count(self, classes):
        """Count the rows whose largest output is that of their class."""
        self.plan.classes = <const int64_t *>self.data(classes)

    def count_sides(self):
        """Count the outputs that are above 0 where their target, of `errors`, is above 1/2."""
        if self.plan.loss.kind != IC_PLAN_ERRORS:
            raise RuntimeError("count_sides: add the loss with errors() first")
        self.plan.count_sides = 1

    def parameter(self, p, g, first, second, size_t numbers):
        """Add a parameter, which takes the step's numbers of this index."""
        cdef size_t count = self.plan.parameter_count
        self.plan.parameters = <ic_plan_parameter *>grown(
            self.plan.parameters, count + 1, sizeof(ic_plan_parameter)
        )
        cdef ic_plan_parameter *parameter = &self.plan.parameters[count]
        parameter.p, parameter.g = self.data(p), self.data(g)
        parameter.first, parameter.second = self.data(first), self.data(second)
        parameter.n, parameter.numbers = p.size, numbers
        self.plan.parameter_count += 1

    def pair(self):
        """Find out which parameters may be moved early; call when all layers and they are there."""
        ic_plan_pair(&self.plan)

    def numbers(self, str rule, list numbers, size_t each, size_t first):
        """Set the numbers of steps from `first` on, `each` for a step, as dicts; or one for all.

        They are those of `optimizer_step`.
        """
        cdef size_t i
        cdef dict given
        cdef ic_step *step
        self.numbers_ = <ic_step *>grown(self.numbers_, len(numbers), sizeof(ic_step))
        for i in range(len(numbers)):
            given, step = numbers[i], &self.numbers_[i]
            step.rule = RULES[rule]
            step.nesterov = given.get("nesterov", False)
            step.rate, step.clip = given["lr"], 1.0
            step.decay, step.shrink = given.get("decay", 0.0), given.get("shrink", 1.0)
            step.momentum, step.memory = given.get("momentum", 0.0), given.get("memory", 0.0)
            step.root, step.epsilon = given.get("root", 1.0), given.get("epsilon", 0.0)
        self.plan.numbers, self.plan.first = self.numbers_, first
        self.plan.numbers_step = 0 if <size_t>len(numbers) == each else each

    def begin(
        self, cnp.ndarray order, cnp.ndarray losses, uint64_t steps_before, cnp.ndarray record
    ):
        """Begin an epoch that takes the samples in this order (int64), after so many steps.

        `record` has a row for each step that is recorded, or is None.
        """
        if record is not None:
            self.plan.record = <double *>cnp.PyArray_DATA(record)
        self.plan.steps_before = steps_before
        self.plan.order = <const int64_t *>cnp.PyArray_DATA(order)
        self.plan.losses = <double *>cnp.PyArray_DATA(losses)
        self.plan.right, self.at = 0, 0

    def run(self, size_t end):
        """Take the steps before `end`. False if the loss of step `at` is not finite.

        That step's gradients are there; `update` finishes it.
        """
        kernels_in_use()
        cdef ic_plan_end how = IC_PLAN_TIME
        while how == IC_PLAN_TIME:
            with nogil:
                how = ic_plan_run(&self.plan, &self.at, end, SIGNALS_EVERY)
            PyErr_CheckSignals()
        require_memory(how)
        return how == IC_PLAN_DONE

    def update(self):
        """Move the parameters by the gradients of step `at`."""
        cdef ic_plan_end how
        with nogil:
            how = ic_plan_update(&self.plan, self.at)
        require_memory(how)
        self.at += 1

    def outputs(self, cnp.ndarray x):
        """The outputs for the samples x, contiguous; of a plan of dense layers alone, else None."""
        cdef size_t i, rows = x.shape[0], widest = 0, columns = 0
        for i in range(self.plan.layer_count):
            if self.plan.layers[i].kind == IC_PLAN_DENSE:
                columns = self.plan.layers[i].job.dense.forward.n_out
                widest = max(widest, columns)
            elif self.plan.layers[i].kind != IC_PLAN_PROBE:
                return None
        cdef cnp.ndarray out = np.empty((rows, columns), x.dtype)
        cdef cnp.ndarray room = np.empty((2, rows, widest), x.dtype)
        cdef char *a = <char *>cnp.PyArray_DATA(room)
        cdef char *b = a + cnp.PyArray_NBYTES(room) // 2
        cdef void *to = cnp.PyArray_DATA(out)
        cdef const void *source = cnp.PyArray_DATA(x)
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
