/* Solves a cohort with CVODE, patient by patient and stretch by stretch; see cvode_c.py for the arrays. */
#include <cvode/cvode.h>
#include <nvector/nvector_serial.h>
#include <stdint.h>
#include <sundials/sundials_context.h>
#include <sundials/sundials_types.h>
#include <sunlinsol/sunlinsol_dense.h>
#include <sunmatrix/sunmatrix_dense.h>

static int rhs(realtype t, N_Vector y, N_Vector dy, void *p) {
    model_rhs(t, N_VGetArrayPointer(y), N_VGetArrayPointer(dy), (const double *)p);
    return 0;
}

static int jacobian(realtype t, N_Vector y, N_Vector fy, SUNMatrix J, void *p, N_Vector a, N_Vector b, N_Vector c) {
    /* CVODE hands the matrix over filled with zeros. */
    model_jacobian(t, N_VGetArrayPointer(y), SM_COLS_D(J), (const double *)p);
    return 0;
}

static void silent(int code, const char *module, const char *function, char *message, void *data) {}

int solve_cohort(int count, int stretches, int width, const double *starts, const double *p, const double *jumps,
                 const double *knots, const int64_t *rows, const int64_t *offsets, const double *scales,
                 double rtol, double *states) {
    SUNContext context;
    if (SUNContext_Create(NULL, &context)) return 1;
    N_Vector y = N_VNew_Serial(STATES, context), atol = N_VNew_Serial(STATES, context);
    SUNMatrix J = SUNDenseMatrix(STATES, STATES, context);
    SUNLinearSolver linear = SUNLinSol_Dense(y, J, context);
    void *memory = CVodeCreate(CV_BDF, context);
    double *u = N_VGetArrayPointer(y);
    for (int i = 0; i < STATES; i++) {
        u[i] = starts[i];
        N_VGetArrayPointer(atol)[i] = rtol * scales[i];
    }
    if (CVodeInit(memory, rhs, 0.0, y) || CVodeSVtolerances(memory, rtol, atol) ||
        CVodeSetLinearSolver(memory, linear, J) || CVodeSetJacFn(memory, jacobian) ||
        CVodeSetMaxNumSteps(memory, 100000) || CVodeSetErrHandlerFn(memory, silent, NULL))
        return 1;
    for (int patient = 0; patient < count; patient++) {
        for (int i = 0; i < STATES; i++) u[i] = starts[patient * STATES + i];
        for (int s = 0; s < stretches; s++) {
            int64_t at = (int64_t)patient * stretches + s, first = offsets[at], last = offsets[at + 1];
            if (first == last) continue;
            for (int i = 0; i < STATES; i++) u[i] += jumps[at * STATES + i];
            if (rows[first] >= 0)
                for (int i = 0; i < STATES; i++) states[rows[first] * STATES + i] = u[i];
            CVodeReInit(memory, knots[first], y);
            CVodeSetUserData(memory, (void *)(p + at * width));
            CVodeSetStopTime(memory, knots[last - 1]);
            int failed = 0;
            for (int64_t k = first + 1; k < last && !failed; k++) {
                realtype reached;
                failed = CVode(memory, knots[k], y, &reached, CV_NORMAL) < 0;
                if (!failed && rows[k] >= 0)
                    for (int i = 0; i < STATES; i++) states[rows[k] * STATES + i] = u[i];
            }
            if (failed) break;
        }
    }
    CVodeFree(&memory);
    SUNLinSolFree(linear);
    SUNMatDestroy(J);
    N_VDestroy(y);
    N_VDestroy(atol);
    SUNContext_Free(&context);
    return 0;
}
