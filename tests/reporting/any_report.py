"""Any report that can be, for property tests."""

from hypothesis import strategies as st

from qconv.reporting.pairing import Pairing
from qconv.reporting.report_data import Report, VariantReport

pairings = st.integers(1, 2**63 - 1).flatmap(
    lambda samples: st.integers(0, samples).flatmap(
        lambda lost: st.builds(
            Pairing,
            samples=st.just(samples),
            lost=st.just(lost),
            gained=st.integers(0, samples - lost),
        )
    )
)
st.register_type_strategy(Pairing, pairings)
st.register_type_strategy(int, st.integers(-(2**63), 2**63 - 1))

variants = st.lists(st.from_type(VariantReport), min_size=1, max_size=3).map(tuple)
any_report = st.builds(Report, variants=variants)
