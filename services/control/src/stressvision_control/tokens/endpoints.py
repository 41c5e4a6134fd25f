"""Tokens: who may use this API, and as what."""

from datetime import timedelta

from fastapi import APIRouter, Request

from stressvision_control.dependencies import Page, PageDep, SessionDep, paged
from stressvision_control.fields import PathId
from stressvision_control.security import BOOTSTRAP, ROLES, CallerDep, allow
from stressvision_control.tokens.schemas import NewToken, TokenShownOnce, TokenView
from stressvision_store import audit, tokens
from stressvision_store.paging import one
from stressvision_store.workforce_tables import ApiToken

router = APIRouter(prefix="/v1/tokens", tags=["tokens"])
admins = allow("admin")

BOOTSTRAP_VIEW = TokenView(
    id=None,
    name=BOOTSTRAP,
    roles=["admin"],
    created_at=None,
    expires_at=None,
    revoked_at=None,
    bootstrap=True,
)


@router.get("", summary="List tokens, without the tokens", **admins)
def list_tokens(request: Request, session: SessionDep, page: PageDep) -> Page[TokenView]:
    """The first page begins with the token of the environment, while there is one."""
    rows = tokens.list_tokens(session, after=page.after, limit=page.limit)
    shown = paged([TokenView.model_validate(row) for row in rows], page.limit)
    if request.app.state.admin_token is not None and page.after is None:
        shown.items.insert(0, BOOTSTRAP_VIEW)
    return shown


@router.post("", summary="Make a token, shown once", status_code=201, **admins)
def create_token(session: SessionDep, caller: CallerDep, body: NewToken) -> TokenShownOnce:
    valid_for = timedelta(days=body.valid_days) if body.valid_days is not None else None
    row, token = tokens.create_token(session, name=body.name, roles=sorted(set(body.roles)), valid_for=valid_for)
    subject = f"token {row.id}"
    audit.append(session, actor=caller.actor, action="token.create", subject=subject, **body.model_dump())
    return TokenShownOnce(**TokenView.model_validate(row).model_dump(), token=token)


@router.get("/me", summary="Show the token of this request", **allow(*ROLES))
def show_own_token(session: SessionDep, caller: CallerDep) -> TokenView:
    if caller.token_id is None:
        return BOOTSTRAP_VIEW
    return TokenView.model_validate(one(session, ApiToken, caller.token_id, "token"))


@router.delete("/{token_id}", summary="Revoke a token", **admins)
def revoke_token(session: SessionDep, caller: CallerDep, token_id: PathId) -> TokenView:
    row = tokens.revoke_token(session, token_id)
    audit.append(session, actor=caller.actor, action="token.revoke", subject=f"token {token_id}", name=row.name)
    return TokenView.model_validate(row)
