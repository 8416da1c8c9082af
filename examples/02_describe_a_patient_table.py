"""A patient table read, checked and described without any model: samples below the limit, Cmax, Tmax, AUC.

    python examples/02_describe_a_patient_table.py [FOLDER]

The NCA table by patient goes to FOLDER (default: runs/examples). The six patients are SIMULATED.
"""

import sys
from pathlib import Path

import cartsim

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/examples")
folder.mkdir(parents=True, exist_ok=True)
here = Path(__file__).resolve().parent

data = cartsim.read_data(here.parent / "fits" / "six_patients" / "data.csv")
print(data.summary.text())

endpoints = cartsim.nca(data)
print(endpoints.table[["subject", "cmax", "tmax", "half_life"]].to_string(index=False))
print(endpoints.summary[["metric", "text", "evaluable"]].to_string(index=False))
endpoints.to_csv(folder / "nca.csv")

# A table with faults is answered with all of them at once, each with its row, column and subject.
broken = folder / "broken.csv"
broken.write_text(
    "subject,time_day,output,value,unit\nP1,one,car_transgene,100,copies/ug\nP2,7,car_transgene,-5,furlong\n"
)
try:
    cartsim.read_data(broken)
except cartsim.CartsimError as error:
    print(error)
