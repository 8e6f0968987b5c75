from contract import errors
from contract.errors import VedetteError


def test_every_error_has_a_code_of_its_own_that_the_drawing_shows():
    # Given every class of the tree
    classes = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, VedetteError)]

    codes = [kind.code for kind in classes]

    assert len(set(codes)) == len(codes) >= 12
    assert all(kind.__name__ in (errors.__doc__ or "") for kind in classes)
    assert all(code in (errors.__doc__ or "") for code in codes if code != "error")
